"""Writes a byte at a time, to a file and to its output."""
import os

fd = os.open("file", os.O_CREAT | os.O_WRONLY)
while True:
    os.write(fd, b"x")
    os.write(1, b"x")
