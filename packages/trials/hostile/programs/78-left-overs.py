"""Leaves something everywhere that a run can reach, and looks whether the run before it has."""
import builtins
import json
import os
import random
import sys

MARK = "left-by-a-run"
for path in ["/box/left", "/tmp/left", "/tmp/." + MARK, "/dev/shm/left", "/usr/lib/pypy3.9/left", "/box/json.py"]:
    assert not os.path.exists(path), path
    try:
        open(path, "w").write(MARK)
    except OSError:
        pass
assert MARK not in os.environ and not hasattr(sys, MARK) and not hasattr(builtins, MARK)
assert json.dumps({"a": [1]}) == '{"a": [1]}' and len("four") == 4 and os.umask(0o22) == 0o22
assert sys.getrecursionlimit() == 1000 and sys.getswitchinterval() != 1 and os.getcwd() == "/box"
assert "left" not in sys.modules and sys.path[0] == "/box" and "/tmp" not in sys.path
os.environ[MARK] = MARK
setattr(sys, MARK, MARK)
setattr(builtins, MARK, MARK)
json.dumps = lambda *_: "changed"
builtins.len = lambda _: 0
sys.modules["left"] = sys
sys.path.insert(0, "/tmp")
sys.setrecursionlimit(5000)
os.umask(0)
os.chdir("/tmp")
random.seed(1)
sys.stdout.write("held\n")
