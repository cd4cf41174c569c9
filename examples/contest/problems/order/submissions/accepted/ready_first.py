tasks, needs = map(int, input().split())
after = [[] for _ in range(tasks + 1)]
count = [0] * (tasks + 1)
for _ in range(needs):
    first, then = map(int, input().split())
    after[first].append(then)
    count[then] += 1
ready = [task for task in range(1, tasks + 1) if count[task] == 0]
for task in ready:
    for then in after[task]:
        count[then] -= 1
        if count[then] == 0:
            ready.append(then)
print(*ready)
