"""Pipes and sockets that are written full and never read; named pipes that are no longer open."""
import os, socket

full = 0
try:
    while True:
        ends = socket.socketpair() if full % 2 else os.pipe()
        for end in ends:
            fd = end if isinstance(end, int) else end.detach()
            os.set_blocking(fd, False)
            try:
                while True:
                    os.write(fd, b"x" * 65536)
            except OSError:
                pass
        full += 1
except OSError:
    print(full > 100)
