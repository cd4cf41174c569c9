"""compile.py ROOT FOLDER: compiles the modules of FOLDER, which is below ROOT, to the same bytes each time.

`compileall` does not: PyPy marks a constant as interned where a name of that text happens to be alive, which depends on
when its garbage is collected. Here the text decides. The format is that of the module marshal, version 4, and what is
written must read as the code that was compiled.
"""
import importlib.util
import marshal
import os
import struct
import sys
from types import CodeType

REFERENCED = 0x80
SIZES = ("argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "stacksize", "flags")
NAMES = ("names", "varnames", "freevars", "cellvars")
WORDS = {None: b"N", True: b"T", False: b"F", Ellipsis: b"."}


class Writer:
    def __init__(self):
        self.parts = []
        self.strings = {}

    def write(self, value, interned=False):
        kind = type(value)
        if value is None or value is True or value is False or value is Ellipsis:
            self.parts.append(WORDS[value])
        elif kind is int:
            self.integer(value)
        elif kind is float:
            self.parts.append(b"g" + struct.pack("<d", value))
        elif kind is complex:
            self.parts.append(b"y" + struct.pack("<dd", value.real, value.imag))
        elif kind is bytes:
            self.parts.append(b"s" + struct.pack("<i", len(value)) + value)
        elif kind is str:
            self.string(value, interned or value.isidentifier())
        elif kind is tuple:
            self.items(value, interned)
        elif kind is frozenset:
            self.parts.append(b">" + struct.pack("<i", len(value)))
            for item in sorted(value, key=lambda one: (type(one).__name__, repr(one))):
                self.write(item)
        elif kind is CodeType:
            self.code(value)
        else:
            raise TypeError(f"no constant of a code: {kind}")

    def integer(self, value):
        if -(2**31) <= value < 2**31:
            self.parts.append(b"i" + struct.pack("<i", value))
            return
        digits = []
        rest = abs(value)
        while rest:
            digits.append(rest & 0x7FFF)
            rest >>= 15
        count = len(digits) if value > 0 else -len(digits)
        self.parts.append(b"l" + struct.pack(f"<i{len(digits)}H", count, *digits))

    def string(self, value, interned):
        known = self.strings.get((value, interned))
        if known is not None:
            self.parts.append(b"r" + struct.pack("<i", known))
            return
        self.strings[value, interned] = len(self.strings)
        data = value.encode("utf-8", "surrogatepass")
        if not value.isascii():
            kind, size = "t" if interned else "u", struct.pack("<i", len(data))
        elif len(data) < 256:
            kind, size = "Z" if interned else "z", bytes([len(data)])
        else:
            kind, size = "A" if interned else "a", struct.pack("<i", len(data))
        self.parts.append(bytes([ord(kind) | REFERENCED]) + size + data)

    def items(self, values, interned):
        short = len(values) < 256
        self.parts.append(b")" + bytes([len(values)]) if short else b"(" + struct.pack("<i", len(values)))
        for value in values:
            self.write(value, interned)

    def code(self, code):
        sizes = [getattr(code, "co_" + name) for name in SIZES]
        self.parts.append(b"c" + struct.pack(f"<{len(sizes)}i", *sizes))
        self.write(code.co_code)
        self.write(code.co_consts)
        for name in NAMES:
            self.write(getattr(code, "co_" + name), True)
        self.write(code.co_filename, True)
        self.write(code.co_name, True)
        self.parts.append(struct.pack("<i", code.co_firstlineno))
        self.write(code.co_lnotab)


def compiled(path, shown):
    with open(path, "rb") as file:
        source = file.read()
    code = compile(source, shown, "exec", dont_inherit=True, optimize=0)
    writer = Writer()
    writer.write(code)
    data = b"".join(writer.parts)
    if marshal.loads(data) != code:
        raise SystemExit(f"compile.py: {path}: the code is not what is read back")
    times = struct.pack("<III", 0, int(os.stat(path).st_mtime) & 0xFFFFFFFF, len(source) & 0xFFFFFFFF)
    return importlib.util.MAGIC_NUMBER + times + data


def main(root, folder):
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(files):
            if not name.endswith(".py"):
                continue
            path = os.path.join(place, name)
            target = importlib.util.cache_from_source(path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(compiled(path, path[len(root) :]))


main(os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]))
