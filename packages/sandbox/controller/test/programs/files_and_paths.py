"""os, pathlib, shutil, tempfile, glob, fnmatch, io, stat, filecmp, fileinput, mmap, tarfile."""
import filecmp
import fnmatch
import glob
import io
import mmap
import os
import pathlib
import shutil
import stat
import tarfile
import tempfile

here = pathlib.Path("tree")
(here / "a" / "b").mkdir(parents=True)
(here / "one.txt").write_text("first\nsecond\n")
(here / "a" / "two.py").write_bytes(b"print(2)\n")
print(sorted(str(path) for path in here.rglob("*")), (here / "one.txt").stat().st_size, here.is_dir())
print(pathlib.PurePosixPath("/a/b/../c.tar.gz").suffixes, (here / "a").resolve().name, os.path.relpath("tree/a", "tree"))
print(sorted(glob.glob("tree/**/*.py", recursive=True)), fnmatch.filter(["a.py", "b.txt"], "*.py"))
print([(top, sorted(folders), sorted(files)) for top, folders, files in os.walk("tree")])
shutil.copytree("tree", "copy")
print(filecmp.cmp("tree/one.txt", "copy/one.txt"), sorted(os.listdir("copy")))
shutil.rmtree("copy")
os.symlink("one.txt", "tree/link")
print(os.readlink("tree/link"), os.path.islink("tree/link"), os.path.exists("copy"), os.path.getsize("tree/link"))
os.chmod("tree/one.txt", 0o640)
print(stat.filemode(os.stat("tree/one.txt").st_mode), os.access("tree/one.txt", os.R_OK))
os.rename("tree/one.txt", "tree/renamed.txt")
with open("tree/renamed.txt", "r+", newline="") as file:
    print(file.readline(), file.tell(), file.seek(0, io.SEEK_END), file.write("third\r\n"))
    file.seek(0)
    print(repr(file.read()), file.truncate(5), file.encoding, file.closed)
try:
    open("missing.txt")
except FileNotFoundError as error:
    print(error, error.errno)
for wrong in (lambda: os.rmdir("tree"), lambda: os.mkdir("tree"), lambda: open("tree"), lambda: os.unlink("none/x")):
    try:
        wrong()
    except OSError as error:
        print(type(error).__name__, error.strerror)
with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp") as file:
    file.write(b"0123456789")
    file.flush()
    print(os.path.dirname(file.name) == folder, len(os.listdir(folder)))
    with mmap.mmap(file.fileno(), 0) as mapped:
        mapped[2:4] = b"ab"
        print(mapped[:], mapped.find(b"ab"))
print(os.path.exists(folder))
with tarfile.open("tree.tar.gz", "w:gz") as archive:
    archive.add("tree")
with tarfile.open("tree.tar.gz") as archive:
    print(sorted(archive.getnames()), archive.extractfile("tree/a/two.py").read())
print(io.BytesIO(b"a\nb").readlines(), io.TextIOWrapper(io.BytesIO("é".encode())).read())
print(shutil.disk_usage("/tmp").total > 0, os.getcwd() == os.path.realpath("."), os.sep, os.linesep.encode())
