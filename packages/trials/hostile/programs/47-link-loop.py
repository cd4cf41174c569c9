"""Links that lead to each other, to themselves, and into a labyrinth of forty times two thousand steps."""
import errno
import os

os.symlink("b", "a")
os.symlink("a", "b")
os.symlink("self", "self")
os.symlink("through/../through", "through")
for path in ["a", "b", "self", "through", "a/x", "self/self/self"]:
    for call in [os.stat, os.listdir, open, lambda p: open(p, "w"), os.chdir, lambda p: os.utime(p)]:
        try:
            call(path)
            raise AssertionError((path, call))
        except OSError as error:
            assert error.errno == errno.ELOOP, (path, error)
assert os.readlink("self") == "self" and os.path.islink("a")
# Each link of the chain goes thousands of steps in place before it leads to the next.
os.mkdir("x")
for i in range(60):
    os.symlink("x/../" * 800 + "link%d" % (i + 1), "link%d" % i)
open("link39", "a").close() if not os.path.lexists("link39") else None
for _ in range(20):
    try:
        os.stat("link0")
    except OSError as error:
        assert error.errno == errno.ELOOP, error
print("held")
