def count(amount, coins):
    if amount == 0:
        return 1
    if amount < 0 or not coins:
        return 0
    return count(amount - coins[0], coins) + count(amount, coins[1:])


n = int(input())
print(count(n, sorted(map(int, input().split()), reverse=True)))
