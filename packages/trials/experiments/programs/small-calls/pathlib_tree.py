# A folder of files, listed, matched and looked at through pathlib.
import pathlib
import shutil
import tempfile

base = pathlib.Path(tempfile.mkdtemp())
for i in range(400):
    (base / ("%04d%s" % (i, ".py" if i % 3 else ".txt"))).touch()

total = 0
for _ in range(COUNT):
    for path in base.iterdir():
        total += path.stat().st_size
    for path in base.iterdir():
        total += path.name.endswith("1.py")
    for path in base.glob("*.py"):
        total += len(path.suffix)
    for path in base.glob("*.txt"):
        total += path.exists()
shutil.rmtree(base)
