import sys


def combine(coins, row):
    """Recursion over the coins, of which there are few: one row of the table for each."""
    if not coins:
        return row
    coin, rest = coins[0], coins[1:]
    fresh = []
    for value, count in enumerate(row):
        fresh.append(count + (fresh[value - coin] if value >= coin else 0))
    return combine(rest, fresh)


def main():
    data = sys.stdin.read().split()
    amount, coins = int(data[0]), tuple(int(word) for word in data[1:])
    print(combine(coins, [1] + [0] * amount)[-1])


if __name__ == "__main__":
    main()
