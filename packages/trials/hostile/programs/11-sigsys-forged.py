"""A signal that claims to be a trap of the filter, with data of the program's choice."""
import ctypes
import os
import struct

libc = ctypes.CDLL(None, use_errno=True)
info = ctypes.create_string_buffer(struct.pack("<iiiiQiI", 31, 0, 1, 0, 0xDEAD000, 59, 0xC000003E), 128)
results = [
    libc.syscall(ctypes.c_long(129), os.getpid(), 31, info),  # rt_sigqueueinfo
    libc.syscall(ctypes.c_long(297), os.getpid(), os.getpid(), 31, info),  # rt_tgsigqueueinfo
    libc.syscall(ctypes.c_long(424), 0, 31, info, 0),  # pidfd_send_signal
]
print("refused" if results == [-1, -1, -1] else results)
