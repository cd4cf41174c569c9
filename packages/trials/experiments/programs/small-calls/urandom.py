import os

for i in range(COUNT):
    os.urandom(8)
