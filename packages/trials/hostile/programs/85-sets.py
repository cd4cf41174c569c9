"""Sets of descriptors within sets, each with all idle descriptors that there are: then one look at the outermost."""
import ctypes, struct, sys

libc = ctypes.CDLL(None)
how, openFiles = sys.argv[1], int(sys.argv[2])
sets = [[libc.epoll_create1(0) for _ in range(1 if depth == 0 else 4)] for depth in range(4)]
pair = (ctypes.c_int * 2)()
while libc.pipe(pair) == 0:
    pass
event = ctypes.create_string_buffer(struct.pack("<IQ", 1, 0), 12)
for depth in (0, 1, 2):
    for outer in sets[depth]:
        for inner in sets[depth + 1]:
            libc.epoll_ctl(outer, 1, inner, event)
first = sets[3][3] + 1
watches = 0
for fd in range(first, openFiles):
    for row in sets:
        for one in row:
            watches += libc.epoll_ctl(one, 1, fd, event) == 0
print(watches <= 4 * openFiles)
outermost = sets[0][0]
for _ in range(20):
    if how == "poll":
        found = libc.poll(struct.pack("<ihh", outermost, 1, 0) * openFiles, openFiles, 0)
    elif how == "select":
        bits = ctypes.create_string_buffer(b"\xff" * 128, 128)
        found = libc.select(min(1024, openFiles), bits, None, None, struct.pack("<QQ", 0, 0)) and 0
    else:
        found = libc.epoll_wait(outermost, ctypes.create_string_buffer(12 * openFiles), openFiles, 0)
print(found)
