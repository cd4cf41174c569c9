# Breadth first through every way to pay, all of them kept "for later".
amount = int(input())
coins = tuple(map(int, input().split()))

states = [(0, ())]
found = 0
for total, paid in states:
    if total == amount:
        found += 1
    for coin in coins:
        if total + coin <= amount and (not paid or coin >= paid[-1]):
            states.append((total + coin, paid + (coin,)))
print(found)
