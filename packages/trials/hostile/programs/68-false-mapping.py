"""Lets the controller map a file of eight terabytes of nothing into memory that is not there."""
import ctypes
import os

fd = os.open("hole", os.O_CREAT | os.O_RDWR)
os.ftruncate(fd, 2**43)
ctypes.CDLL("/box/attacks.so").attack(b"false-mapping", str(fd).encode())
