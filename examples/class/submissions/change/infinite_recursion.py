def ways(amount, coins):
    # forgot when to stop
    return sum(ways(amount - coin, coins) for coin in coins)


total = int(input())
print(ways(total, [int(x) for x in input().split()]))
