"""Places before the first byte and behind the last number."""
import os

fd = os.open("/box/main.py", os.O_RDONLY)
size = os.fstat(fd).st_size
for offset, whence in [(-1, 0), (-(2**63), 0), (2**63 - 1, 1), (2**63 - 1, 2), (-(2**63), 1), (-(2**63), 2), (-size - 1, 2), (0, 99), (2**63 - 1, 3), (-1, 3), (-1, 4)]:
    os.lseek(fd, 1, 0)
    try:
        os.lseek(fd, offset, whence)
        raise AssertionError((offset, whence))
    except (OSError, OverflowError):
        pass
    assert os.lseek(fd, 0, 1) == 1
try:
    os.lseek(fd, 2**62, 0)
    assert os.read(fd, 10) == b""
except OSError:
    pass
os.lseek(fd, 2**52, 0)
assert os.read(fd, 10) == b"" and os.lseek(fd, 0, 1) == 2**52
for offset in [-1, -(2**63), 2**63 - 1]:
    try:
        assert os.pread(fd, 10, offset) == b"" and offset > 0
    except OSError:
        pass
folder = os.open("/box", os.O_RDONLY)
for offset in [2**31, 2**52, 10**6, 0]:
    try:
        os.lseek(folder, offset, 0)
        os.listdir(folder)
    except OSError:
        pass
for stream in os.pipe() + (1,):
    try:
        os.lseek(stream, 0, 0)
        raise AssertionError("a stream has no place")
    except OSError:
        pass
os.lseek(0, 2**52, 0)
assert os.read(0, 10) == b"" and os.lseek(0, 0, 1) == 2**52
print("held")
