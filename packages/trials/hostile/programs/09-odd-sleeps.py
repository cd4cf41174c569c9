"""Times that no clock has: each must be refused, and none may be slept through or end the controller's patience."""
import ctypes
import struct

libc = ctypes.CDLL(None, use_errno=True)
accepted = []
times = [(-1, 0), (0, -1), (0, 10**9), (-(2**63), 0), (2**63 - 1, 2**63 - 1), (0, -(2**63)), (1, 10**9)]
for seconds, nanoseconds in times:
    timespec = ctypes.create_string_buffer(struct.pack("<qq", seconds, nanoseconds))
    # nanosleep, clock_nanosleep, ppoll, pselect6
    calls = [(35, timespec, None), (230, 1, 0, timespec, None), (271, None, 0, timespec, None, 8), (270, 0, None, None, None, timespec, None)]
    for call in calls:
        if libc.syscall(*map(lambda x: ctypes.c_long(x) if isinstance(x, int) else x, call)) != -1 or ctypes.get_errno() != 22:
            accepted.append((call[0], seconds, nanoseconds))
print(accepted or "none accepted")
