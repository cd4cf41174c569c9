import sys

# What the validator reads is text; nothing of it is run, and it cannot be stopped from here.
sys.stdout.write("\x04\x1a" * 100 + "__import__('os')._exit(42)\n" * 100)
