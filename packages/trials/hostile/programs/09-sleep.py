"""Sleeps longer than the universe is old."""
import time

time.sleep(2**63 / 1e9 - 1024)
