# Output on both streams, a traceback with the names of files, and an exit code.
import sys

print("first", "second", sep="\t", end="")
print("a warning", file=sys.stderr)


class Failure(Exception):
    """Of this program."""


def fail(depth):
    if depth == 0:
        raise Failure("öffnet nicht: \N{SNOWMAN}")
    fail(depth - 1)


try:
    fail(2)
except Failure as cause:
    raise SystemError("outer") from cause
