# A file written and read byte by byte, as exercises that meter I/O do.
import os
import tempfile

path = os.path.join(tempfile.mkdtemp(), "metered")


class Metered:
    def __init__(self, file):
        self.file, self.operations, self.bytes = file, 0, 0

    def write(self, data):
        self.operations += 1
        self.bytes += self.file.write(data)

    def read(self, size):
        self.operations += 1
        data = self.file.read(size)
        self.bytes += len(data)
        return data


with open(path, "wb", buffering=0) as file:
    writer = Metered(file)
    for i in range(COUNT):
        writer.write(b"z")
with open(path, "rb", buffering=0) as file:
    reader = Metered(file)
    while reader.read(1):
        pass
assert writer.bytes == reader.bytes == COUNT
os.remove(path)
