"""Maps a hole of a gigabyte, and lets it go, without end."""
import mmap

with open("hole", "w+b") as file:
    file.truncate(1 << 30)
    while True:
        mmap.mmap(file.fileno(), 1 << 30, access=mmap.ACCESS_READ).close()
