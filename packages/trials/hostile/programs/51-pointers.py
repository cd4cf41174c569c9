"""Addresses of nothing, of the kernel, of code, and of buffers of which a part is there."""
import ctypes
import mmap

libc = ctypes.CDLL(None, use_errno=True)
EFAULT = 14
# Two pages, of which the second goes.
area = libc.mmap
area.restype = ctypes.c_void_p
base = area(None, ctypes.c_size_t(8192), 3, 0x22, -1, ctypes.c_long(0))
assert libc.munmap(ctypes.c_void_p(base + 4096), ctypes.c_size_t(4096)) == 0
edge = base + 4096
code = ctypes.cast(libc.qsort, ctypes.c_void_p).value
bad = [0, 1, 8, 4095, 0xDEAD000, base + 4096, edge + 100, 2**47 - 1, 2**47, 2**63, 2**64 - 1, 0xFFFFFFFFFF600000]
word = ctypes.c_long


def call(number, *arguments):
    ctypes.set_errno(0)
    return libc.syscall(word(number), *[ctypes.c_void_p(a) if isinstance(a, int) else a for a in arguments]), ctypes.get_errno()


fd = libc.open(b"/box/attacks.so", 0)
for address in bad:
    for number, arguments in [
        (0, (fd, address, 100)), (1, (1, address, 100)), (2, (address, 0)), (4, (address, address)), (5, (fd, address)), (21, (address, 0)),
        (78 + 139, (fd, address, 100)), (20, (1, address, 3)), (19, (fd, address, 3)), (89, (address, address, 10)), (79, (address, 100)), (63, (address,)), (98, (0, address)),
        (257, (-100, address, 0, 0)), (262, (-100, address, address, 0)), (332, (-100, address, 0, 0, address)), (7, (address, 3, 0)), (35, (address, 0)), (318, (address, 100, 0)),
        (22, (address,)), (13, (2, address, 0, 8)), (14, (0, address, 0, 8)), (38, (0, address, 0)), (88, (address, address)), (82, (address, address)), (86, (address, address)),
        (188, (address, address, address, 10, 0)), (40, (99, fd, address, 10)), (233, (fd, 1, 1, address)), (302, (0, 7, address, address)),
    ]:
        result, error = call(number, *arguments)
        # Where a call does not come to look there it has another complaint, or none.
        assert result <= 0 or error == 0, (hex(address), number, result, error)
# Strings and structures that begin in one page and end in none.
ctypes.memset(base, ord("x"), 4096)
for size in [1, 2, 10, 100, 4095]:
    assert call(2, edge - size, 0) == (-1, EFAULT), size
    assert call(1, 1, edge - size, size + 1) == (-1, EFAULT), size
assert call(4, ctypes.c_char_p(b"/box"), edge - 10) == (-1, EFAULT)
assert call(0, fd, edge - 10, 100) == (-1, EFAULT)
# Code cannot be written, also not by asking for it.
assert call(0, fd, code & ~4095, 100) == (-1, EFAULT)
ctypes.memmove(edge - 5, b"/box\0", 5)
status = ctypes.create_string_buffer(144)
assert call(4, edge - 5, status) == (0, 0)
print("held")
