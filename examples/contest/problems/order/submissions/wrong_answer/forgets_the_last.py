tasks, needs = map(int, input().split())
pairs = [tuple(map(int, input().split())) for _ in range(needs)]
order = list(range(1, tasks + 1))
for _ in range(tasks):
    for first, then in pairs:
        if order.index(first) > order.index(then):
            order.remove(first)
            order.insert(order.index(then), first)
print(*order[:-1])
