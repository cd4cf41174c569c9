amount = int(input())
coins = list(map(int, input().split()))

ways = [0] * (amount + 1)
ways[0] = 1
for coin in coins:
    for value in range(coin, amount + 1):
        ways[value] += ways[value - coin]
print(ways[amount])
