"""Calls itself where nobody counts: through C, by a repr of what holds itself indirectly, with no limit of the interpreter."""
import sys

sys.setrecursionlimit(2**31 - 1)


class Box:
    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return "(%r)" % (Box(self.inner),)


repr(Box(None))
