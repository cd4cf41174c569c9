"""Files whose names come at the end of long paths: what is kept of each is its name."""
import os

before = "./" * 1900
count = 0
try:
    while True:
        os.close(os.open(before + "a name of some length %d" % count, os.O_CREAT | os.O_WRONLY))
        count += 1
except OSError:
    print(count)
