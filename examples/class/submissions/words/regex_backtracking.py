import re
import sys
from collections import Counter

k = int(input())
text = sys.stdin.read().lower()
# "only words and spaces", the careful way
if not re.match(r"^([a-z]+\s*)+$", text):
    text = re.sub(r"[^a-z]", " ", text)
counts = Counter(text.split())
for word, count in sorted(counts.items(), key=lambda p: (-p[1], p[0]))[:k]:
    print(word, count)
