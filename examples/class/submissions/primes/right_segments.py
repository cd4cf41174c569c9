import math
import sys


def small_primes(limit):
    composite = [False] * (limit + 1)
    for number in range(2, limit + 1):
        if not composite[number]:
            yield number
            for multiple in range(number * number, limit + 1, number):
                composite[multiple] = True


def segments(n, size=1 << 16):
    base = list(small_primes(math.isqrt(n)))
    for low in range(2, n + 1, size):
        high = min(low + size, n + 1)
        marks = bytearray(high - low)
        for p in base:
            start = max(p * p, (low + p - 1) // p * p)
            if start < high:
                marks[start - low :: p] = b"\1" * ((high - start + p - 1) // p)
        yield marks.count(0)


class Counter:
    def __init__(self, stream):
        self.n = int(stream.readline())

    def run(self):
        return sum(segments(self.n)) if self.n >= 2 else 0


print(Counter(sys.stdin).run())
