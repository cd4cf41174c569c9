"""With a handler of its own the signal is the program's, and the sandbox goes on to work by it."""
import os
import signal

count = 0


def handler(number, frame):
    global count
    count += 1
    os.stat("/box/main.py")


signal.signal(signal.SIGSYS, handler)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGSYS])
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGSYS])
for _ in range(3):
    os.kill(os.getpid(), signal.SIGSYS)
print("handled", count, "times")
