"""A timer that rings more often than anybody could hear it: it is not the program that would have to work."""
import signal

signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)
while True:
    pass
