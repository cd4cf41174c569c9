"""Asks for the same thing, without end."""
import os

while True:
    os.stat("/box/../box/../box/main.py")
