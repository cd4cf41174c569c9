# What programs ask of the system around them.
import os

for policy in "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR":
    number = getattr(os, policy)
    print(policy, os.sched_get_priority_min(number), os.sched_get_priority_max(number))
print(os.sched_rr_get_interval(0) >= 0)
try:
    open("/dev/tty")
except OSError as error:
    print(error)
with open("/proc/self/status") as status:
    names = [line.split(":")[0] for line in status]
print([name for name in ("Name", "VmPeak", "VmSize", "VmHWM", "VmRSS", "Threads") if name in names])
