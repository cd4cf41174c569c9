"""Runs as sitecustomize in the parent of the fork server, before any program: imports the profile's modules, parks, and
in each child makes the process look as if it had been started with the arguments and variables of its run.

The last words, PROFILE, CALL_FD and FIRST_BYTES are put before this text, and parked_pypy.py or parked_cpython.py behind
it. No call goes to CALL_FD but those of the three; the controller answers them itself.
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


def park():
    """The parent ends here: it tells its modules, and returns in each child with the order of its run: entropy, the kind of
    standard input, arguments, variables, and the text of the program, if the order has one."""
    import gc
    import os
    import posix
    import sys

    posix.write(CALL_FD, b"\0".join(map(os.fsencode, sys.modules)))
    # Twice: the second collects what finalizers released. Children begin with an empty nursery.
    gc.collect()
    gc.collect()
    if hasattr(gc, "freeze"):
        # A collection in a child would write to all that it looks at, and so copy it.
        gc.freeze()

    # Each child touches the pages that any program touches before a run waits for it, and then waits for the order of
    # its own run.
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
    return entropy, kind, words[:count], dict(zip(words[count::2], words[count + 1::2])), program


def take_surroundings(entropy, kind, variables):
    """Variables and standard input of the run; what holds a state of chance is new: two children must not draw the same
    numbers."""
    import os
    import sys

    for name in [name for name in os.environb if name not in variables]:
        del os.environb[name]
    for name, value in variables.items():
        if os.environb.get(name) != value:
            os.environb[name] = value
    if kind != b"file":
        make_stdin_anew()
    loaded = sys.modules.get
    if loaded("random") is not None:
        # As CPython's module does after a fork.
        loaded("random").seed(int(entropy, 16))
    if loaded("tempfile") is not None:
        loaded("tempfile")._name_sequence = None
    if loaded("_ssl") is not None:
        # OpenSSL notices a fork by the process id, which is the same here.
        loaded("_ssl").RAND_add(entropy, 0.0)
    if loaded("numpy.random") is not None:
        loaded("numpy.random").seed()
