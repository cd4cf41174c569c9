"""Runs as sitecustomize in the parent of the fork server, before any program: imports what the profile names, parks, and
in each child makes the process look as if it had been started with the arguments and variables of its run.

PROFILE, CALL_FD and ORDER_BYTES are put before this text. No call goes to CALL_FD but those below; the controller answers them itself.
"""


def become():
    import os
    import posix
    import sys

    for name in PROFILE:
        try:
            __import__(name)
        except ImportError:
            pass
    sys.path.remove(os.environ["PYTHONPATH"])
    sys.path_importer_cache.pop(os.environ.pop("PYTHONPATH"), None)
    posix.write(CALL_FD, "\0".join(sys.modules).encode())

    # The parent ends here; each child goes on with the order of its own run.
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
