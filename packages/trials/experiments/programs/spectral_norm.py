"""The largest singular value of a matrix that is computed element by element: calls and float division."""


def element(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def times(v, transposed):
    size = range(len(v))
    if transposed:
        return [sum(element(j, i) * v[j] for j in size) for i in size]
    return [sum(element(i, j) * v[j] for j in size) for i in size]


u = [1.0] * 1500
for _ in range(10):
    v = times(times(u, False), True)
    u = times(times(v, False), True)
norm = (sum(a * b for a, b in zip(u, v)) / sum(b * b for b in v)) ** 0.5
assert abs(norm - 1.2742) < 0.001
