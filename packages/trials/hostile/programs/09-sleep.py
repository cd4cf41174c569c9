"""Sleeps longer than the universe is old."""
import time

try:
    time.sleep(2**63 / 1e9 - 1024)
except OSError:
    # CPython adds it to the time that it is, and the sum is more than a clock has.
    time.sleep(2**62 / 1e9)
