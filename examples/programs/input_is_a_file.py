import linecache, mmap, os, stat, sys

print(stat.S_ISREG(os.fstat(0).st_mode), os.fstat(0).st_size, os.isatty(0), sys.stdin.isatty())
print(sys.stdin.seekable(), sys.stdin.buffer.seekable(), sys.stdin.tell(), sys.stdin.writable())
print(repr(sys.stdin.readline()), sys.stdin.tell())
print(len(sys.stdin.read()), sys.stdin.seek(0), repr(sys.stdin.read()))

with mmap.mmap(0, 0, prot=mmap.PROT_READ) as view:
    print(len(view), view[:5], view.find(b"third"))
print(os.pread(0, 6, 6), os.lseek(0, 6, os.SEEK_SET), os.read(os.dup(0), 7), os.lseek(0, 0, os.SEEK_CUR))
print(repr(linecache.getline("/dev/stdin", 2)), repr(linecache.getline("/proc/self/fd/0", 3)))
with open("/dev/stdin", "rb") as again, open(os.path.realpath("/dev/stdin")) as named:
    print(again.read() == named.read().encode(), again.tell(), os.path.getsize("/dev/stdin"))
for change in (lambda: os.write(0, b"x"), lambda: os.ftruncate(0, 0), lambda: mmap.mmap(0, 0)):
    try:
        print(change())
    except (OSError, ValueError) as error:
        print(type(error).__name__, error)
