"""One shared mapping, cut into thousands by unmapping every other page of it."""
import ctypes
import os

fd = os.open("file", os.O_CREAT | os.O_RDWR)
os.ftruncate(fd, 4096)
ctypes.CDLL("/box/attacks.so").attack(b"cut-mapping", str(fd).encode())
