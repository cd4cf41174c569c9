"""A folder that changes with every entry that is read of it."""
import os

os.mkdir("d")
for i in range(200):
    open("d/%d" % i, "w").close()
seen = []
with os.scandir("d") as entries:
    for i, entry in enumerate(entries):
        seen.append(entry.name)
        os.rename("d/" + entry.name, "d/again-" + entry.name)
        open("d/new-%d" % i, "w").close()
        if i % 2:
            os.unlink("d/again-" + entry.name)
        assert len(seen) < 10_000
assert len(set(seen)) == len(seen) and set(map(str, range(200))) <= set(seen)
# Removed while it is open, and made again.
fd = os.open("d", os.O_RDONLY)
for name in os.listdir("d"):
    os.unlink("d/" + name)
os.rmdir("d")
os.mkdir("d")
open("d/x", "w").close()
assert os.listdir(fd) == []
try:
    os.open("y", os.O_CREAT | os.O_WRONLY, dir_fd=fd)
    raise AssertionError("made in a folder that is gone")
except OSError:
    pass
print("held")
