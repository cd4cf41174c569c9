import csv
import os
import shutil
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha\nbeta\n", encoding="utf-8")
    (folder / "sub" / "b.bin").write_bytes(bytes(range(256)))
    with open(folder / "marks.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["name", "mark"], ["O'Neil, \"Pat\"", 5], ["multi\nline", 6.5]])
    with open(folder / "marks.csv", newline="") as stream:
        print(list(csv.DictReader(stream)))
    with open(folder / "a.txt", "r+") as stream:
        stream.seek(0, os.SEEK_END)
        stream.write("gamma\n")
        stream.seek(6)
        print(stream.read().split(), stream.tell())
    shutil.copy(folder / "a.txt", folder / "sub" / "deeper" / "copy.txt")
    os.rename(folder / "a.txt", folder / "z.txt")
    print(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")))
    print((folder / "sub" / "b.bin").stat().st_size, (folder / "nothing").exists())
    try:
        (folder / "sub").rmdir()
    except OSError as error:
        print(type(error).__name__, error.errno)
print(os.path.exists(name))
