import io, os

# One read of the whole input, as programs for contests have it: the size is the file's.
read = io.BytesIO(os.read(0, os.fstat(0).st_size)).readline
n = int(read())
print(n, sum(map(int, read().split())))
