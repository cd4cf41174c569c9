import ctypes

libc = ctypes.CDLL(None)
libc.strlen.restype = ctypes.c_size_t
print(libc.strlen(b"sandpiper"), libc.abs(-7), libc.toupper(ord("q")))


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int16), ("y", ctypes.c_int32), ("tag", ctypes.c_char * 3)]


point = Point(-2, 70000, b"abc")
print(ctypes.sizeof(Point), bytes(point).hex(), Point.from_buffer_copy(bytes(point)).y)
buffer = ctypes.create_string_buffer(32)
libc.snprintf(buffer, ctypes.c_size_t(32), b"%05d|%s|%x", 42, b"text", 255)
print(buffer.value)

COMPARE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 6)(5, 3, 9, -1, 0, 7)
libc.qsort(numbers, 6, ctypes.sizeof(ctypes.c_int), COMPARE(lambda a, b: a[0] - b[0]))
print(list(numbers))
