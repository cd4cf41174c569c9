from math import gcd


def simplify(above, below):
    return above // gcd(above, below), below // gcd(above, below)


# Forgets to simplify.
def add(a, b):
    return a[0] * b[1] + b[0] * a[1], a[1] * b[1]
