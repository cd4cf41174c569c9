from itertools import permutations

tasks, needs = map(int, input().split())
pairs = [tuple(map(int, input().split())) for _ in range(needs)]
for order in permutations(range(1, tasks + 1)):
    if all(order.index(first) < order.index(then) for first, then in pairs):
        print(*order)
        break
