import re, sys
from collections import Counter

k = int(input())
c = Counter(re.findall(r"[a-z]+", sys.stdin.read().lower()))
for w in sorted(c, key=lambda w: (-c[w], w))[:k]:
    print(f"{w}: {c[w]}")
