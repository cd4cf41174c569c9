# Standard input is read twice and mapped.
import mmap
import os
import stat
import sys

first = sys.stdin.read()
sys.stdin.seek(0)
print(first == sys.stdin.read(), len(first), os.fstat(0).st_size, stat.S_ISREG(os.fstat(0).st_mode))
with mmap.mmap(0, 0, prot=mmap.PROT_READ) as mapped:
    print(mapped[:6], len(mapped), mapped.find(b"last"))
print(os.lseek(0, -5, os.SEEK_END), os.read(0, 100))
with open("/dev/stdin") as again:
    print(again.readline().strip())
