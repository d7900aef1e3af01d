#!/usr/bin/python3
"""forged_lan.py ADDRESS PORT TEXT...: a DNS server that answers each TXT question with these strings, and each UPDATE
with NOERROR."""

import socket
import struct
import sys


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[1], int(sys.argv[2])))
    texts = b"".join(bytes([len(text)]) + text.encode() for text in sys.argv[3:])
    print("answering", flush=True)
    while True:
        message, asker = server.recvfrom(65535)
        server.sendto(reply_to(message, texts), asker)


def reply_to(message, texts):
    opcode = message[2] >> 3 & 15
    end = 12
    while message[end]:
        end += message[end] + 1
    question = message[12 : end + 5]
    answers = 0 if opcode else 1
    header = message[:2] + bytes([0x84 | opcode << 3, 0]) + struct.pack(">4H", 1, answers, 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 1, len(texts)) + texts if answers else b""
    return header + question + record


if __name__ == "__main__":
    main()
