from math import gcd


def simplify(above, below):
    divisor = gcd(above, below)
    if below < 0:
        divisor = -divisor
    return above // divisor, below // divisor


def add(a, b):
    return simplify(a[0] * b[1] + b[0] * a[1], a[1] * b[1])
