tasks, _ = map(int, input().split())
print(*range(1, tasks + 1))
