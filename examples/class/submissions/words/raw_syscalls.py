import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
EXECVE, SOCKET, PTRACE, OPENAT, PROCESS_VM_READV = 59, 41, 101, 257, 310

shell = ctypes.c_char_p(b"/bin/sh")
argv = (ctypes.c_char_p * 4)(b"sh", b"-c", b"cat /etc/shadow", None)
libc.syscall(EXECVE, shell, argv, None)
for call, arguments in (
    (SOCKET, (2, 1, 0)),
    (PTRACE, (16, os.getppid(), 0, 0)),
    (PROCESS_VM_READV, (os.getppid(), 0, 0, 0, 0, 0)),
    (OPENAT, (-100, ctypes.c_char_p(b"/etc/shadow"), 0)),
):
    if libc.syscall(call, *arguments) >= 0 and call != PROCESS_VM_READV:
        print("call", call, "went through")
        sys.exit(0)
sys.exit(3)
