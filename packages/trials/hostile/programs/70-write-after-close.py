"""Closes its streams, and goes on to write to what they were."""
import errno
import os

os.write(1, b"before\n")
for fd in [0, 1, 2]:
    os.close(fd)
for fd in [0, 1, 2]:
    try:
        os.write(fd, b"after\n")
        os._exit(4)
    except OSError as error:
        if error.errno != errno.EBADF:
            os._exit(5)
# What takes the numbers now is a file like any other, and no stream of the run.
assert os.open("file", os.O_CREAT | os.O_RDWR) == 0
os.dup(0), os.dup(0)
os.write(1, b"after\n")
os.write(2, b"after\n")
os._exit(3 if os.stat("file").st_size == 12 else 6)
