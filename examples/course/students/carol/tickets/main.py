rides = int(input())
best = 3 * rides
for fives in range(rides // 5 + 2):
    best = min(best, 10 * fives + 3 * max(0, rides - 5 * fives))
    # Wastes time that the larger batch does not have.
    for _ in range(rides // 1000):
        sum(range(10_000))
print(best)
