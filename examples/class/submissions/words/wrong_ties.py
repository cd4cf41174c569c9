# most_common keeps ties in the order of their first appearance
import re, sys
from collections import Counter

k, text = sys.stdin.read().split("\n", 1)
for word, n in Counter(re.findall("[a-z]+", text.lower())).most_common(int(k)):
    print(word, n)
