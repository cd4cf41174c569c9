rides = int(input())
fives, rest = divmod(rides, 5)
print(10 * fives + min(10, 3 * rest))
