"""A timer that fires more often than a program could handle: the work falls on others."""
import signal

signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)
while True:
    pass
