import bisect
import heapq
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import asdict, dataclass, field, replace
from enum import Enum, Flag, auto

print(Counter("mississippi").most_common())
queue = deque(range(5), maxlen=4)
queue.rotate(1)
print(queue, ChainMap({"a": 1}, {"a": 2, "b": 3})["b"], OrderedDict(x=1, y=2))
groups = defaultdict(list)
for word in "the quick brown fox jumps over the lazy dog".split():
    groups[len(word)].append(word)
print(dict(groups))
print(namedtuple("Pair", "left right")(1, "two"))


class Colour(Enum):
    RED = auto()
    GREEN = auto()


class Right(Flag):
    READ = auto()
    WRITE = auto()


@dataclass(order=True, frozen=True)
class Job:
    priority: int
    name: str = field(compare=False)
    labels: tuple = ()


jobs = [Job(3, "c"), Job(1, "a", ("x",)), Job(2, "b")]
heapq.heapify(jobs)
print(heapq.heappop(jobs), asdict(replace(jobs[0], name="z")))
print(list(Colour), Right.READ | Right.WRITE, bisect.insort(values := [1, 4, 9], 5), values)
