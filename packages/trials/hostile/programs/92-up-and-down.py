"""Paths that go down into a deep folder and up again, by links to such paths, as often as links may be followed."""
import os

deep = 0
while deep < 1_000:
    os.mkdir("a" * 1)
    os.chdir("a")
    deep += 1
os.mkdir("b")
walk = "b/../" * 800
last = "."
for i in range(38):
    os.symlink(walk + last, "l%d" % i)
    last = "l%d" % i
while True:
    os.stat(last)
