"""Names and paths at their limits, one above, and far above; and folders deeper than any path."""
import errno
import os


def fails(number, call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        assert error.errno == number, (error.errno, call, [str(a)[:20] for a in arguments])
        return
    raise AssertionError(call)


open("n" * 255, "w").close()
for call in [os.stat, os.mkdir, os.unlink, os.listdir, open, lambda p: open(p, "w"), lambda p: os.rename("main.py", p)]:
    fails(errno.ENAMETOOLONG, call, "n" * 256)
    fails(errno.ENAMETOOLONG, call, "/box/" + "n" * 256 + "/x")
    fails(errno.ENAMETOOLONG, call, "/" * 4096)
    fails(errno.ENAMETOOLONG, call, "x/" * 2048)
    fails(errno.ENAMETOOLONG, call, "x" * 100_000)
assert os.stat("/" * 4095).st_ino == os.stat("/").st_ino
# Deeper and deeper, each step a short path: the working directory must stay one that can be named and held.
depth = 0
try:
    for depth in range(9000):
        os.mkdir("d" * 255)
        os.chdir("d" * 255)
except OSError as error:
    assert error.errno in (errno.ENAMETOOLONG, errno.ENOSPC), error
held = []
try:
    for _ in range(300):
        held.append(os.open(".", os.O_RDONLY))
except OSError as error:
    assert error.errno == errno.EMFILE, error
print("held")
