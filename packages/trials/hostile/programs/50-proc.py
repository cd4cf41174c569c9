"""The places in which a process shows itself, and others."""
import errno
import os

for path in ["mem", "environ", "maps", "smaps", "root", "auxv", "stack", "syscall", "pagemap", "map_files", "task", "ns", "mountinfo", "mounts", "cgroup", "limits", "io", "attr/current", "setgroups", "uid_map", "oom_score_adj", "coredump_filter", "fdinfo", "personality", "timers", "wchan"]:
    for place in ["/proc/self/", "/proc/%d/" % os.getpid(), "/proc/thread-self/"]:
        assert not os.path.exists(place + path), place + path
assert sorted(os.listdir("/proc")) == ["2", "cpuinfo", "meminfo", "self"], os.listdir("/proc")
assert os.getpid() == 2 and os.getppid() == 1
numbers = [int(n) for n in os.listdir("/proc/self/fd")]
assert all(n < 16 for n in numbers), numbers
for fd in [8188, 8189, 8190, 8191, 5000]:
    assert not os.path.lexists("/proc/self/fd/%d" % fd)
assert "sandpiper" not in open("/proc/self/cmdline").read() + open("/proc/self/status").read()
for path in ["/dev/mem", "/dev/kmem", "/dev/kmsg", "/dev/sda", "/dev/ptmx", "/dev/fuse", "/dev/kvm", "/dev/net/tun", "/sys", "/proc/sys", "/proc/kcore", "/proc/kallsyms", "/proc/sysrq-trigger"]:
    assert not os.path.exists(path), path
for size in [0, 1, 4096, 1 << 20]:
    with open("/dev/full", "wb", buffering=0) as full:
        try:
            assert full.write(b"x" * size) == size == 0
        except OSError as error:
            assert error.errno == errno.ENOSPC and size > 0
assert open("/dev/full", "rb").read(10) == bytes(10) and open("/dev/zero", "rb").read(10) == bytes(10)
for call in [lambda: open("/proc/self/status", "w"), lambda: open("/proc/self/comm", "r+"), lambda: os.unlink("/proc/self"), lambda: os.mkdir("/proc/3"), lambda: os.chmod("/proc/self/fd", 0o777), lambda: os.link("/proc/self/exe", "exe")]:
    try:
        call()
        raise AssertionError(call)
    except OSError:
        pass
print("held")
