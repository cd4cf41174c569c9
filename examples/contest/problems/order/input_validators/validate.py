import re
import sys

lines = sys.stdin.read().split("\n")
number = "(0|[1-9][0-9]*)"
head = re.fullmatch(f"{number} {number}", lines[0])
assert head and lines[-1] == ""
tasks, needs = map(int, head.groups())
assert 1 <= tasks <= 1000 and 0 <= needs <= 5000 and len(lines) == needs + 2
after = {task: [] for task in range(1, tasks + 1)}
open_needs = dict.fromkeys(after, 0)
for line in lines[1:-1]:
    pair = re.fullmatch(f"{number} {number}", line)
    assert pair
    first, then = map(int, pair.groups())
    after[first].append(then)
    open_needs[then] += 1
# Without a circle every task can be done.
ready = [task for task, count in open_needs.items() if count == 0]
for task in ready:
    for then in after[task]:
        open_needs[then] -= 1
        if open_needs[then] == 0:
            ready.append(then)
assert len(ready) == tasks
sys.exit(42)
