import os
import tempfile

amount = int(input())
with tempfile.NamedTemporaryFile("wb", delete=False) as scratch:
    block = b"\0" * (1 << 20)
    for _ in range(100_000):
        scratch.write(block)
        scratch.flush()
print(os.path.getsize(scratch.name) % (amount + 1))
