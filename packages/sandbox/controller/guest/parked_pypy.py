class Words(list):
    """sys.argv of the parent. The code that starts a program (app_main.py of PyPy) reads the first word twice: for its name and
    folder, and again when it knows that it is neither a folder nor an archive. There the parent parks."""

    asked = False

    def __getitem__(self, index):
        if not self.asked:
            self.asked = True
            return super().__getitem__(index)
        become(list(self))
        import sys

        return sys.argv[index]


def become(started_with):
    import builtins
    import io
    import os
    import sys

    entropy, kind, argv, variables, program = park()
    sys.argv = list(map(os.fsdecode, argv))
    if sys.argv[0] != started_with[0]:
        sys.modules["__main__"].__file__ = os.path.abspath(sys.argv[0])
        sys.path[0] = sys.pypy_resolvedirof(sys.argv[0])
    take_surroundings(entropy, kind, variables)

    # The order holds the program's text, so its first read needs no call.
    opener = builtins.open

    def program_text(path, mode):
        builtins.open = opener
        return io.BytesIO(program)

    builtins.open = program_text


imported()
import sys
sys.argv = Words(sys.argv)
# Tells site that there is no such module, so none is left behind.
raise ImportError("no sitecustomize", name="sitecustomize")
