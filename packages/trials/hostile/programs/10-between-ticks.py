"""Computes less than a tick of the kernel at a time, and sleeps across the tick: a count by ticks would see nothing."""
import time

while True:
    until = time.perf_counter() + 0.0005
    while time.perf_counter() < until:
        pass
    time.sleep(0.0003)
