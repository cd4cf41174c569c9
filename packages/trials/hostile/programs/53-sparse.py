"""Files that are nearly all hole, as large as a number can be."""
import ctypes
import errno
import mmap
import os

for size in [2**63 - 1, 2**62, 2**53, 2**45]:
    with open("f", "wb") as file:
        try:
            file.truncate(size)
            raise AssertionError(size)
        except OSError as error:
            assert error.errno in (errno.EFBIG, errno.EINVAL), error
with open("f", "r+b", buffering=0) as file:
    file.truncate(2**43)
    assert os.stat("f").st_size == 2**43
    file.seek(2**43 - 1)
    assert file.read() == b"\0"
    file.seek(2**42)
    file.write(b"x")
    for offset in [2**63 - 2, 2**62, 2**44]:
        try:
            os.pwrite(file.fileno(), b"xx", offset)
            raise AssertionError(offset)
        except OSError as error:
            assert error.errno in (errno.EFBIG, errno.EINVAL), error
    # fallocate(2), which the module of PyPy takes for a success whatever it answers
    fallocate = ctypes.CDLL(None, use_errno=True).fallocate
    assert fallocate(file.fileno(), 0, ctypes.c_long(2**43), ctypes.c_long(2**42)) == -1
    assert ctypes.get_errno() in (errno.ENOSPC, errno.EFBIG), ctypes.get_errno()
    # A hole is mapped without a look at each of its pages, and shortened without a list of them.
    for _ in range(10):
        with mmap.mmap(file.fileno(), 256 << 20, access=mmap.ACCESS_READ) as view:
            assert view[0] == 0
    with mmap.mmap(file.fileno(), 4 << 20) as view:
        view[1 << 20] = 1
    assert os.pread(file.fileno(), 1, 1 << 20) == b"\1"
    for _ in range(50):
        file.truncate(2**42 + 1)
        file.truncate(2**43)
    os.sendfile(1, file.fileno(), 2**41, 0)
print("held")
