import os, stat, sys

# Without an input file of its own it is started with /dev/null.
mode = os.fstat(0).st_mode
print(stat.S_ISCHR(mode), os.fstat(0).st_size, os.fstat(0).st_rdev, os.isatty(0), os.path.realpath("/dev/stdin"))
print(sys.stdin.seekable(), os.lseek(0, 0, os.SEEK_CUR), os.lseek(0, 7, os.SEEK_SET), os.lseek(0, 0, os.SEEK_END))
print(os.read(0, 10), os.pread(0, 10, 3), repr(sys.stdin.read()), repr(open("/dev/stdin").read()))
