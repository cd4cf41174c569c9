"""Paths that lead out of everything, if only one walks long enough."""
import os

same = ["/box/main.py", "//box//main.py", "/box/./main.py", "/../../../box/main.py", "/box/../box/main.py", "/box/../../../../box/main.py", "///box/.//../box/main.py"]
numbers = {os.stat(path).st_ino for path in same}
assert len(numbers) == 1, numbers
for path in ["/box/../etc/shadow", "/../" * 50 + "etc/shadow", "../" * 50 + "root", "/tmp/../../root/.ssh", "/proc/self/cwd/../../etc/shadow", "/proc/self/fd/../../../etc/shadow"]:
    assert not os.path.exists(path), path
for path in ["main.py/", "/box/main.py/", "/box/main.py/.", "main.py//"]:
    try:
        open(path)
        raise AssertionError(path)
    except NotADirectoryError:
        pass
for path in ["new/", "/box/new//"]:
    try:
        open(path, "w")
        raise AssertionError(path)
    except (IsADirectoryError, NotADirectoryError):
        pass
os.mkdir("folder/")
os.rmdir("folder//")
root = os.stat("/")
assert (root.st_ino, root.st_dev) == (os.stat("/..").st_ino, os.stat("/..").st_dev)
assert "given.txt" in os.listdir("/tmp/../box/") and not os.path.exists("folder")
print("held")
