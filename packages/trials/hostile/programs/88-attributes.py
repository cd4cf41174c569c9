"""As many attributes as there is room for, each of a byte, with long paths in between."""
import ctypes

libc = ctypes.CDLL(None)
open("f", "w").close()
count = 0
while libc.setxattr(b"f", b"user.%d" % count, b"x", ctypes.c_size_t(1), 0) == 0:
    count += 1
    if count % 4 == 0:
        libc.access(b"a" * 4080, 0)
print(10_000 < count < 16_384)
