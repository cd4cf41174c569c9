import os

# Signals for every process that there may be, but not for itself.
reached = []
for pid in list(range(1, 3000)) + [2**22, 2**31 - 1]:
    if pid == os.getpid():
        continue
    try:
        os.kill(pid, 9)
        reached.append(pid)
    except OSError:
        pass
print("reached", reached)
