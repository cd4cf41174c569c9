"""Out of a file as out of a folder."""
import os

for path in ["main.py/..", "main.py/../main.py", "main.py/../../etc/passwd", "/box/main.py/.", "/dev/null/../zero", "/box/main.py/../../box"]:
    for call in [os.stat, os.listdir, open, os.readlink, lambda p: os.mkdir(p + "/x"), lambda p: os.rename("main.py", p + "/y")]:
        try:
            call(path)
            raise AssertionError((path, call))
        except NotADirectoryError:
            pass
print("held")
