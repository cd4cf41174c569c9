"""The most flips of a prefix that any permutation of ten numbers wants: small lists, indices, loops."""


def fannkuch(n):
    most = 0
    start, count = list(range(n)), list(range(n))
    while True:
        flips, here = 0, start[:]
        while here[0]:
            k = here[0] + 1
            here[:k] = here[:k][::-1]
            flips += 1
        most = max(most, flips)
        for r in range(1, n):
            start.insert(r, start.pop(0))
            count[r] -= 1
            if count[r] >= 0:
                break
            count[r] = r
        else:
            return most


assert fannkuch(10) == 38
