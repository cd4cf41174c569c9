# Bytes that JSON has no short way for: each is one byte of output.
import os

for byte in (b"\0", b"\x80", b'"', b"\\", b"\x1f", b"\xff"):
    os.write(1, byte * (1 << 19))
    os.write(2, byte * (1 << 19))
