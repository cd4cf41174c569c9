# The head of many contest programs; PyPy reserves memory for each level and touches none of it.
import sys

sys.setrecursionlimit(10**6)


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


print(depth(5000), sum(map(int, sys.stdin.readline().split())))
