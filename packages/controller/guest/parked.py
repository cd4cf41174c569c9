"""Runs as sitecustomize in the parent of the fork server, before any program: imports what the profile names, parks, and
in each child makes the process look as if it had been started with the arguments and variables of its run.

PROFILE, CALL_FD and ORDER_BYTES are put before this text. No call goes to CALL_FD but those below; the controller answers them itself.
"""


WARM_UP = """
import sys, json
class Shape:
    def __init__(self, size): self.size = size
    def area(self): return self.size ** 2
def total(shapes):
    return sum(shape.area() for shape in shapes)
try:
    words = {str(i): [Shape(i)] for i in range(8)}
    print(json.dumps({key: total(value) for key, value in words.items()})[:0], end="")
    raise ValueError("%s %d" % ("x", 1))
except ValueError as error:
    str(error).split()
"""


def become():
    import gc
    import os
    import posix
    import sys

    complaints = []
    for name in PROFILE:
        try:
            __import__(name)
        except BaseException as error:
            # It is left out, and told. One that wants a thread is among them: no guest can have one.
            complaints.append("%s: %s: %s" % (name, type(error).__name__, error))
    sys.path.remove(os.environ["PYTHONPATH"])
    sys.path_importer_cache.pop(os.environ.pop("PYTHONPATH"), None)
    posix.write(CALL_FD, "\0".join(sys.modules).encode())
    if complaints:
        posix.write(CALL_FD, "; ".join(complaints).encode("utf-8", "replace")[:1000])
    # Twice: what finalizers let go of is collected by the second. Children begin with an empty nursery.
    gc.collect()
    gc.collect()

    # The parent ends here. Each child comes to the pages that any program comes to, while nobody waits for it, and then
    # waits for the order of its own run.
    posix.read(CALL_FD, 1)
    exec(compile(WARM_UP, "main.py", "exec"), {"__name__": "__main__"})
    entropy, count, *words = posix.read(CALL_FD, ORDER_BYTES).split(b"\0")
    count = int(count)
    sys.argv[:] = map(os.fsdecode, words[:count])
    variables = dict(zip(words[count::2], words[count + 1::2]))
    for name in [name for name in os.environb if name not in variables]:
        del os.environb[name]
    for name, value in variables.items():
        if os.environb.get(name) != value:
            os.environb[name] = value
    random = sys.modules.get("random")
    if random is not None:
        # What CPython's module does after a fork; two children must not draw the same numbers.
        random.seed(int(entropy, 16))


become()
# To site this says that there is no such module; so none is left behind.
raise ImportError("no sitecustomize", name="sitecustomize")
