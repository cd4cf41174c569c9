"""Says the same on both streams, in turn, until it is stopped."""
import os

while True:
    os.write(1, b"out " * 100)
    os.write(2, b"err " * 100)
