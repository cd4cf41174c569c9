"""A name that ends for one and goes on for another."""
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
for path in ["main.py\0.txt", "\0", "/etc/passwd\0/x"]:
    try:
        open(path)
        raise AssertionError(path)
    except ValueError:
        pass
# What follows the NUL is ignored: the file is the one before it.
fd = libc.open(b"main.py\0/../../etc/shadow", 0)
assert fd > 2 and os.fstat(fd).st_ino == os.stat("main.py").st_ino
assert libc.open(b"new\0er", 0o102, 0o600) > 2
assert sorted(os.listdir(".")) == ["attacks.so", "given.txt", "main.py", "new"], os.listdir(".")
assert libc.open(b"\0main.py", 0) == -1 and ctypes.get_errno() == 2
print("held")
