"""Descriptors of every kind until there are no more, and numbers that were never any."""
import errno
import os
import select
import socket


def until_refused(make):
    held = []
    for _ in range(100_000):
        try:
            held.append(make())
        except OSError as error:
            assert error.errno == errno.EMFILE, error
            return held
    raise AssertionError("never refused")


for make in [lambda: os.open("/box", os.O_RDONLY), lambda: os.open("main.py", os.O_RDONLY), lambda: os.dup(0)]:
    held = until_refused(make)
    assert len(held) == 61, len(held)
    for fd in held:
        os.close(fd)
for make, each in [(os.pipe, 2), (socket.socketpair, 2), (select.epoll, 1), (lambda: os.memfd_create("x"), 1)]:
    held = until_refused(make)
    assert len(held) == 61 // each, (make, len(held))
    for one in held:
        if isinstance(one, tuple) and isinstance(one[0], int):
            os.close(one[0]), os.close(one[1])
        elif isinstance(one, tuple):
            one[0].close(), one[1].close()
        elif isinstance(one, int):
            os.close(one)
        else:
            one.close()
# Not 8190 and 8191: a read of the protocol's pipe would block for ever (see the attacks on the wire).
for fd in [-1, -(2**31), 3, 64, 4095, 4096, 8188, 8189, 2**31 - 1]:
    for call in [os.close, os.fstat, lambda fd: os.read(fd, 1), lambda fd: os.write(fd, b"x"), os.dup, lambda fd: os.lseek(fd, 0, 0)]:
        try:
            call(fd)
            raise AssertionError((fd, call))
        except OSError as error:
            assert error.errno in (errno.EBADF, errno.EMFILE), (fd, error)
for fd in [64, 8191, 2**31 - 1, -1]:
    try:
        os.dup2(0, fd)
        raise AssertionError(fd)
    except OSError as error:
        assert error.errno == errno.EBADF
# Sets of sets, in a ring and in a tower: a search through them must end.
ring = [select.epoll() for _ in range(8)]
for one in ring:
    for other in ring:
        try:
            one.register(other.fileno(), select.EPOLLIN)
        except OSError as error:
            assert error.errno in (errno.EINVAL, errno.ELOOP, errno.ENOSPC, errno.EEXIST), error
for one in ring:
    assert one.poll(0) == []
print("held")
