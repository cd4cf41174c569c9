"""Names that mean something to the language that the controller is written in."""
import os
import sys

names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "__defineGetter__", "length", "then", "undefined", "null", "NaN"]
for name in names:
    assert not os.path.exists(name), name
    with open(name, "x") as file:
        file.write(name)
    os.mkdir(name + ".d")
    with open(name + ".d/" + name, "w") as file:
        file.write("inner")
for name in names:
    assert open(name).read() == name and open(name + ".d/" + name).read() == "inner"
    os.unlink(name)
    assert not os.path.exists(name)
    os.setxattr(name + ".d", "user." + name, b"v")
    assert os.listxattr(name + ".d") == ["user." + name] and os.getxattr(name + ".d", "user." + name) == b"v"
assert sys.argv[1:] == ["__proto__", "constructor"]
for name in names:
    assert name not in os.environ
    os.environ[name] = "x"
print("held")
