"""Folders that are being listed, while names in them come and go."""
import ctypes, os

libc = ctypes.CDLL(None)
libc.syscall.restype = ctypes.c_long
for i in range(50):
    os.close(os.open("before%d" % i, os.O_CREAT))
held = [os.open(".", os.O_RDONLY) for _ in range(100)]
room = ctypes.create_string_buffer(64)
for i in range(5_000):
    libc.syscall(217, held[i % len(held)], room, 64)  # getdents64
    os.close(os.open("f%d" % i, os.O_CREAT))
    os.unlink("f%d" % i)
print(len(os.listdir(".")))
