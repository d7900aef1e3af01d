#!/usr/bin/python3
"""A cable with a delay: forwards whole Ethernet frames between two interfaces, each DELAY seconds later.

relay.py INTERFACE INTERFACE DELAY, in the namespace of both. No address is rewritten. Checksums and segments that a
sender left to its network card (PACKET_VNET_HDR) stay unchanged.
"""

import collections
import select
import socket
import sys
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
LONGEST = 70000


def open_interface(name):
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    made.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    made.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    made.bind((name, ETH_P_ALL))
    return made


def main():
    first, second = (open_interface(name) for name in sys.argv[1:3])
    delay = float(sys.argv[3])
    other = {first: second, second: first}
    waiting = collections.deque()
    print("relaying", flush=True)
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for readable in select.select([first, second], [], [], patience)[0]:
            waiting.append((time.monotonic() + delay, other[readable], readable.recv(LONGEST)))
        while waiting and waiting[0][0] <= time.monotonic():
            _, out, frame = waiting.popleft()
            try:
                out.send(frame)
            except OSError:
                pass  # a link that is down loses frames


if __name__ == "__main__":
    main()
