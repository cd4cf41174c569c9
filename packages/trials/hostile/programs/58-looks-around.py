"""Looks for anything of the host, of the node, and of the runs before it; in the file system, the variables, and its own memory."""
import ctypes
import glob
import os

for path in ["/etc/shadow", "/etc/hosts", "/etc/resolv.conf", "/etc/machine-id", "/etc/os-release", "/root", "/home", "/var", "/run", "/mnt", "/opt", "/sys", "/boot", "/work", "/usr/bin/env", "/bin/sh", "/usr/lib/python3", "/usr/share/doc", "/proc/1", "/proc/mounts", "/proc/version", "/proc/net", "/proc/loadavg", "/proc/uptime", "/proc/stat"]:
    assert not os.path.exists(path), path
assert os.listdir("/tmp") == [] and sorted(os.listdir("/box")) == ["attacks.so", "given.txt", "main.py"]
assert sorted(os.environ) == ["GIVEN", "HOME", "LANG", "PATH"], sorted(os.environ)
assert set(os.listdir("/")) <= {"box", "tmp", "usr", "etc", "dev", "proc", "lib", "lib64"}, os.listdir("/")
assert set(os.listdir("/etc")) <= {"passwd", "group", "ld.so.cache", "hostname", "localtime", "ssl", "alternatives"}
assert open("/etc/hostname").read() == "sandpiper\n" and os.listdir("/etc/ssl") == ["certs"] and os.listdir("/dev/shm") == []
for folder, folders, files in os.walk("/", followlinks=False):
    for name in files:
        if not name.endswith((".py", ".pyc", ".so", ".txt", ".h", ".pxd", ".pyi")) and "secret" in name:
            assert "secrets" in name or "/usr/lib/pypy" in folder, (folder, name)
# What the process was started with still lies on its stack: of the host there must be none of it.
libc = ctypes.CDLL(None)
environ = ctypes.POINTER(ctypes.c_void_p).in_dll(libc, "environ")
stack = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 0)
libc.getauxval.restype = ctypes.c_ulong
name = libc.getauxval(31)  # AT_EXECFN, which lies above all strings
if name:
    above = ctypes.string_at(name & ~4095, 4096 - (name & 0) % 4096)
    for word in [b"LD_PRELOAD", b"SANDPIPER", b"secret-"]:
        assert word not in above, (word, above)
print("held")
