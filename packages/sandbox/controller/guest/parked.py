"""Runs as sitecustomize in the parent of the fork server, before any program: imports the profile's modules, parks, and
in each child makes the process look as if it had been started with the arguments and variables of its run.

The last words, PROFILE, CALL_FD and FIRST_BYTES are put before this text. No call goes to CALL_FD but those below; the controller answers
them itself.
"""


WARM_UP = """
import sys
json = sys.modules.get("json")
class Shape:
    def __init__(self, size): self.size = size
    def area(self): return self.size ** 2
def total(shapes):
    return sum(shape.area() for shape in shapes)
try:
    words = {str(i): [Shape(i)] for i in range(8)}
    # A module outside the profile would have to be read here, and no call is answered any more.
    print((json.dumps if json else str)({key: total(value) for key, value in words.items()})[:0], end="")
    raise ValueError("%s %d" % ("x", 1))
except ValueError as error:
    str(error).split()
"""


def imported():
    """Imports the profile; reports to the controller what could not be imported."""
    import os
    import posix
    import sys

    complaints = []
    for name in PROFILE:
        try:
            __import__(name)
        except BaseException as error:
            # It is left out and reported, such as one that needs a thread: no guest can have one.
            complaints.append("%s: %s: %s" % (name, type(error).__name__, error))
    sys.path.remove(os.environ["PYTHONPATH"])
    sys.path_importer_cache.pop(os.environ.pop("PYTHONPATH"), None)
    if complaints:
        posix.write(CALL_FD, "; ".join(complaints).encode("utf-8", "replace")[:1000])


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


def make_stdin_anew():
    """As an interpreter that starts now would make it: the stream remembers that it was a file when the parent started.
    Modules may hold these objects, so they stay the same."""
    import io
    import sys

    stdin = sys.__stdin__
    raw = io.FileIO(0, "rb", closefd=False)
    raw.name = "<stdin>"
    stdin.buffer.__init__(raw)
    stdin.__init__(stdin.buffer, stdin.encoding, stdin.errors, "\n", stdin.line_buffering)


def become(started_with):
    import builtins
    import gc
    import io
    import os
    import posix
    import sys

    posix.write(CALL_FD, b"\0".join(map(os.fsencode, sys.modules)))
    # Twice: the second collects what finalizers released. Children begin with an empty nursery.
    gc.collect()
    gc.collect()

    # The parent ends here. Each child touches the pages that any program touches before a run waits for it, and then
    # waits for the order of its own run.
    posix.read(CALL_FD, 1)
    exec(compile(WARM_UP, "main.py", "exec"), {"__name__": "__main__"})
    order = posix.read(CALL_FD, FIRST_BYTES)
    size, order = order.split(b"\0", 1)
    if len(order) < int(size):
        order += posix.read(CALL_FD, int(size) - len(order))
    entropy, kind, count, variables, words = order.split(b"\0", 4)
    count, variables = int(count), int(variables)
    words = words.split(b"\0", count + 2 * variables)
    program = words.pop()
    sys.argv = list(map(os.fsdecode, words[:count]))
    if sys.argv[0] != started_with[0]:
        sys.modules["__main__"].__file__ = os.path.abspath(sys.argv[0])
        sys.path[0] = sys.pypy_resolvedirof(sys.argv[0])
    variables = dict(zip(words[count::2], words[count + 1::2]))
    for name in [name for name in os.environb if name not in variables]:
        del os.environb[name]
    for name, value in variables.items():
        if os.environb.get(name) != value:
            os.environb[name] = value
    if kind != b"file":
        make_stdin_anew()
    random = sys.modules.get("random")
    if random is not None:
        # As CPython's module does after a fork: two children must not draw the same numbers.
        random.seed(int(entropy, 16))

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
