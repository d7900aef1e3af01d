"""What a decoder, zbarimg, reads in a QR code that was drawn with the half blocks of a terminal."""

import re
import subprocess

BLOCKS = {" ": (0, 0), "▄": (0, 1), "▀": (1, 0), "█": (1, 1)}
SCALE = 4  # pixels of one module
PATIENCE = 60  # seconds


def read_code(text):
    """What a decoder reads in the lines of a code. \\return the text, and the lines below the code."""
    code, rest = [], []
    for line in text.splitlines():
        found = re.fullmatch("\x1b\\[30;107m([ ▄▀█]+)\x1b\\[0m", line)
        (code if found else rest).append(found[1] if found else line)
    rows = [[BLOCKS[character][half] for character in line] for line in code for half in (0, 1)]
    pixels = b"".join(bytes(0 if dark else 255 for dark in row for _ in range(SCALE)) * SCALE for row in rows)
    image = f"P5 {len(rows[0]) * SCALE} {len(rows) * SCALE} 255\n".encode() + pixels
    done = subprocess.run(["zbarimg", "--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", "PGM:-"],
                          input=image, capture_output=True, timeout=PATIENCE, check=False)  # fmt: skip
    return done.stdout.decode().removesuffix("\n"), rest
