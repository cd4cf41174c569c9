# Fast input of contests: all of standard input at once, by the size that the file has.
import io
import os

lines = io.BytesIO(os.read(0, os.fstat(0).st_size))
rows = int(lines.readline())
for _ in range(rows):
    print(sum(int(word) for word in lines.readline().split()))
