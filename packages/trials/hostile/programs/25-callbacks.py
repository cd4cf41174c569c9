"""A callback of C that calls C, which calls it back: the stack is C's and Python's in turn."""
import ctypes

libc = ctypes.CDLL(None)
COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


@COMPARE
def compare(one, other):
    numbers = (ctypes.c_int * 2)(2, 1)
    libc.qsort(numbers, 2, 4, compare)
    return 0


numbers = (ctypes.c_int * 2)(2, 1)
libc.qsort(numbers, 2, 4, compare)
raise SystemExit("came back from a recursion without end")
