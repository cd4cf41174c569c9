"""Bytes that are not text, and text with effects on programs that show it."""
import os

os.write(1, bytes(range(256)) + b"\xc3\x28\xa0\xed\xa0\x80\xf5\x80")
os.write(1, b"\x1b]0;title\x07\x1b]52;c;aGVsbG8=\x07\x1b[2J\x1b[31m\x1bP+q\x1b\\\x9b31m\r")
os.write(2, "\u202egnp.exe\u2066x\u2069\u200f\ufeff".encode())
