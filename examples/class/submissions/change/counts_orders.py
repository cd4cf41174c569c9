# Swapped the loops: 1+2 and 2+1 are counted as two ways.
amount = int(input())
coins = [int(c) for c in input().split()]
ways = [1] + [0] * amount
for value in range(1, amount + 1):
    for coin in coins:
        if coin <= value:
            ways[value] += ways[value - coin]
print(ways[amount])
