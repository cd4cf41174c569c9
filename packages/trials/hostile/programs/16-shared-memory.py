"""Shared anonymous memory, which a count of private pages would not see, written page by page."""
import mmap

mappings = []
while True:
    mappings.append(mmap.mmap(-1, 1 << 20, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS))
    for at in range(0, 1 << 20, 4096):
        mappings[-1][at] = 1
