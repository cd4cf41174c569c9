import sys


class Account:
    def __init__(self, balance):
        self.balance = balance

    def withdraw(self, amount):
        if amount > self.balance:
            raise ValueError(f"{amount} is more than {self.balance}")
        self.balance -= amount


def month(account):
    for amount in (10, 20, 500):
        try:
            account.withdraw(amount)
        except ValueError as error:
            raise RuntimeError("the month ended early") from error
        print("withdrew", amount)


print("starting", file=sys.stderr)
month(Account(100))
