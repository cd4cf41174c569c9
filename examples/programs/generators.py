import functools
import itertools
import operator
from contextlib import ExitStack, contextmanager


def collatz(n):
    while n != 1:
        yield n
        n = n // 2 if n % 2 == 0 else 3 * n + 1
    yield 1


def averager():
    total, count = 0.0, 0
    while True:
        total += yield (total / count if count else None)
        count += 1


@contextmanager
def told(name):
    print("enter", name)
    try:
        yield name
    finally:
        print("leave", name)


print(list(collatz(27))[:12], max(itertools.chain.from_iterable(collatz(n) for n in range(1, 3000))))
average = averager()
next(average)
print([average.send(value) for value in (10, 20, 60)])
print([(key, len(list(group))) for key, group in itertools.groupby("aaabccddddd")])
print(list(itertools.islice(itertools.permutations("abc"), 4)), list(itertools.accumulate(range(1, 8), operator.mul)))


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


print(fibonacci(90), fibonacci.cache_info())
with ExitStack() as stack:
    print([stack.enter_context(told(name)) for name in "xy"])
