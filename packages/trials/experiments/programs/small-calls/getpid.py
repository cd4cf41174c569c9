import os

for i in range(COUNT):
    os.getpid()
