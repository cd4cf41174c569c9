# Half of the standard library, to be sure.
import bisect
import collections
import decimal
import fractions
import functools
import heapq
import itertools
import json
import math
import random
import re
import string

n = int(re.search(r"\d+", input()).group())
root = math.isqrt(n)
odd = bytearray([1]) * ((n + 1) // 2)  # odd[i] stands for 2i+1
for i in range(1, (root + 1) // 2):
    if odd[i]:
        p = 2 * i + 1
        start = p * p // 2
        odd[start::p] = bytes(len(range(start, len(odd), p)))
count = functools.reduce(lambda a, b: a + b, itertools.compress(itertools.repeat(1), odd), 0)
# 1 is no prime, and 2 is an even one: they make up for each other.
print(decimal.Decimal(fractions.Fraction(count if n >= 2 else 0).numerator))
