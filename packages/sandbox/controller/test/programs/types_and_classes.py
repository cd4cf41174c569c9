"""dataclasses, enum, typing, abc, types, weakref, gc, uuid, queue, asyncio, unittest, doctest, sqlite3, ctypes."""
import abc
import asyncio
import ctypes
import dataclasses
import doctest
import enum
import gc
import io
import queue
import sqlite3
import types
import typing
import unittest
import uuid
import weakref


@dataclasses.dataclass(order=True, frozen=True)
class Item:
    price: float
    name: str = dataclasses.field(compare=False)
    tags: typing.Tuple[str, ...] = ()


print(Item(2, "b") > Item(1, "z"), dataclasses.asdict(Item(1, "a", ("x",))), dataclasses.replace(Item(1, "a"), name="c"))
try:
    Item(1, "a").price = 3
except dataclasses.FrozenInstanceError as error:
    print(error)


class Colour(enum.IntFlag):
    RED = 1
    BLUE = enum.auto()


print(Colour.RED | Colour.BLUE == 3, list(enum.Enum("Side", "LEFT RIGHT")), Colour["BLUE"].value)
print(typing.get_type_hints(Item)["price"], typing.Optional[int] == typing.Union[int, None], typing.get_args(typing.Dict[str, int]))


class Base(abc.ABC):
    @abc.abstractmethod
    def act(self):
        """
        >>> 1 + 1
        2
        >>> 1 / 0
        Traceback (most recent call last):
        ZeroDivisionError: division by zero
        """


try:
    Base()
except TypeError:
    print("abstract")
print(doctest.testmod(), types.SimpleNamespace(a=1), type("Made", (Base,), {"act": print})().act("made"))


class Thing:
    pass


thing = Thing()
reference = weakref.ref(thing, lambda _: print("gone"))
print(reference() is thing)
del thing
gc.collect()
print(reference(), uuid.uuid5(uuid.NAMESPACE_DNS, "example.org"), uuid.UUID(int=5).hex)
line = queue.PriorityQueue()
for number in (3, 1, 2):
    line.put(number)
print([line.get() for _ in range(3)], line.empty())


async def worker(name, delay, items):
    async for item in items():
        await asyncio.sleep(delay)
        print(name, item)
    return name


async def numbers():
    for number in range(2):
        yield number


async def main():
    print(await asyncio.gather(worker("quick", 0.01, numbers), worker("slow", 0.1, numbers)))
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except asyncio.TimeoutError:
        print("timeout")


asyncio.run(main())


class Trial(unittest.TestCase):
    def test_right(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertEqual(number, number)

    def test_wrong(self):
        self.assertIn(3, [1, 2])

    @unittest.skip("not now")
    def test_skipped(self):
        raise AssertionError


result = unittest.TextTestRunner(stream=io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(Trial))
print(result, [text.splitlines()[-1] for _, text in result.failures])
database = sqlite3.connect("file.db")
database.execute("create table t (a integer primary key, b text)")
database.executemany("insert into t (b) values (?)", [("x",), ("y",)])
database.commit()
print(database.execute("select a, upper(b) from t order by a desc").fetchall(), sqlite3.connect("file.db").total_changes)
library = ctypes.CDLL(None)
library.strlen.restype = ctypes.c_size_t
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
numbers = (ctypes.c_int * 4)(3, 1, 4, 1)
library.qsort(numbers, 4, ctypes.sizeof(ctypes.c_int), compare(lambda a, b: a[0] - b[0]))
print(library.strlen(b"sandpiper"), list(numbers), ctypes.string_at(b"abc", 2))
