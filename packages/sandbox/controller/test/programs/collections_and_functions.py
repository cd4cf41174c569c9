"""collections, itertools, functools, operator, heapq, bisect, copy, array, contextlib."""
import array
import bisect
import collections
import contextlib
import copy
import functools
import heapq
import itertools
import operator

print(collections.Counter("mississippi").most_common(2), collections.deque(range(9), maxlen=3))
Point = collections.namedtuple("Point", "x y", defaults=[0])
print(Point(1), Point(1, 2)._replace(x=5)._asdict(), collections.ChainMap({"a": 1}, {"a": 2, "b": 3})["b"])
groups = collections.defaultdict(list)
for word in "one two three four five".split():
    groups[len(word)].append(word)
print(dict(groups), collections.OrderedDict.fromkeys("cab"))
print(list(itertools.islice(itertools.accumulate(itertools.count(1), operator.mul), 6)))
print(list(itertools.combinations("abcd", 2)), [len(list(run)) for _, run in itertools.groupby("aabccc")])
print(list(itertools.zip_longest("ab", "xyz", fillvalue="-")), list(itertools.product([0, 1], repeat=2)))


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


print(fibonacci(80), fibonacci.cache_info(), functools.reduce(operator.add, range(10)))
print(functools.partial(int, base=2)("1011"), sorted("bCa", key=str.lower))


@functools.singledispatch
def kind(value):
    return "something"


@kind.register(int)
def _(value):
    return "a number"


print(kind(3), kind("x"), [functools.cmp_to_key(lambda a, b: b - a)(n).obj for n in (1, 2)])
heap = [5, 2, 8, 1]
heapq.heapify(heap)
print(heapq.heappushpop(heap, 0), heapq.nsmallest(2, heap), list(heapq.merge([1, 4], [2, 3])))
numbers = [1, 3, 3, 5]
bisect.insort(numbers, 4)
print(numbers, bisect.bisect_left(numbers, 3), bisect.bisect_right(numbers, 3))
nested = {"list": [1, [2]]}
deep, shallow = copy.deepcopy(nested), copy.copy(nested)
nested["list"][1].append(3)
print(deep, shallow, array.array("i", [1, 2, 3]).tobytes().hex())


@contextlib.contextmanager
def bracket(name):
    print("<", name)
    try:
        yield name
    finally:
        print(">", name)


with contextlib.ExitStack() as stack:
    for name in "ab":
        stack.enter_context(bracket(name))
    stack.callback(print, "called")
with contextlib.suppress(ZeroDivisionError):
    1 / 0
