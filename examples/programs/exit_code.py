import atexit
import sys

atexit.register(lambda: print("good bye"))
print("no newline follows", end="")
sys.stdout.flush()
sys.exit(17)
