amount = int(input())
coins = list(map(int, input().split())
ways = [1] + [0] * amount
for coin in coins
    for value in range(coin, amount + 1):
        ways[value] += ways[value - coin]
print(ways[amount])
