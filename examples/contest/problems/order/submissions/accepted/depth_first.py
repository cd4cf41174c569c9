import sys

sys.setrecursionlimit(10_000)
tasks, needs = map(int, input().split())
wants = [[] for _ in range(tasks + 1)]
for _ in range(needs):
    first, then = map(int, input().split())
    wants[then].append(first)
done = set()


def visit(task):
    if task in done:
        return
    done.add(task)
    for first in wants[task]:
        visit(first)
    print(task)


for task in range(tasks, 0, -1):
    visit(task)
