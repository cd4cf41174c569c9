"""Recurses through C, by a repr of an object that holds itself indirectly, without the interpreter's limit."""
import sys

sys.setrecursionlimit(2**31 - 1)


class Box:
    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return "(%r)" % (Box(self.inner),)


repr(Box(None))
