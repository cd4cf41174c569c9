"""As many files, folders, links and names as it may, and more."""
import errno
import os


def until_refused(make):
    for count in range(1_000_000):
        try:
            make(count)
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
            return count
    raise AssertionError("never refused")


os.mkdir("d")
os.chdir("d")
made = until_refused(lambda i: os.close(os.open("f%d" % i, os.O_CREAT)))
assert 1000 < made <= 2000, made
assert len(os.listdir(".")) == made
for call in [lambda i: os.mkdir("m%d" % i), lambda i: os.symlink("x" * 4000, "s%d" % i), lambda i: os.mkfifo("p%d" % i), lambda i: os.link("f0", "l%d" % i)]:
    assert until_refused(call) == 0
for i in range(made):
    os.unlink("f%d" % i)
assert until_refused(lambda i: os.symlink("x" * 4000, "s%d" % i)) > 1000
for name in os.listdir("."):
    os.unlink(name)
assert until_refused(lambda i: (os.mkdir("m%d" % i))) > 1000
print("held")
