"""One line with the number of marks, 3 to 9."""
import sys

sys.exit(42 if sys.stdin.buffer.read() in [b"%d\n" % n for n in range(3, 10)] else 43)
