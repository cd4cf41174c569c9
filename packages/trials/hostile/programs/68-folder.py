"""Lists a large folder through as many descriptors as there are, again and again, changing it in between."""
import os

os.mkdir("d")
for i in range(9_000):
    os.close(os.open("d/%d" % i, os.O_CREAT))
held = []
while True:
    os.utime("d")
    os.rename("d/0", "d/x"), os.rename("d/x", "d/0")
    try:
        held.append(os.open("d", os.O_RDONLY))
    except OSError:
        pass
    for fd in held[-3:]:
        os.lseek(fd, 0, 0)
        os.listdir(fd)
