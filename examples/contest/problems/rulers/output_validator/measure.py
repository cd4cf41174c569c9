"""A ruler with that many marks from 0 up, no two pairs of them at the same distance: the shorter, the more points."""
import sys
from itertools import combinations

with open(sys.argv[1]) as file:
    wanted = int(file.read())
with open(sys.argv[2]) as file:
    shortest = int(file.read().split()[-1])
feedback = sys.argv[3]


def reject(why):
    with open(feedback + "judgemessage.txt", "w") as file:
        file.write(why + "\n")
    sys.exit(43)


words = sys.stdin.buffer.read().split()
if not all(word.isdigit() and len(word) < 10 for word in words):
    reject("not all marks are whole numbers")
marks = [int(word) for word in words]
if len(marks) != wanted or marks != sorted(set(marks)) or marks[0] != 0:
    reject(f"{wanted} marks from 0 up are expected")
distances = [b - a for a, b in combinations(marks, 2)]
if len(set(distances)) != len(distances):
    reject("two pairs of marks have the same distance")
with open(feedback + "score_multiplier.txt", "w") as file:
    file.write(str(min(1, shortest / marks[-1])))
sys.exit(42)
