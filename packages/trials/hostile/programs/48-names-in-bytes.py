"""Names are bytes: those that are no text, and those that look the same."""
import os

names = [b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"caf\xc3\xa9", b"cafe\xcc\x81", b"\x01\x7f", b"A", b"a", b"\xe2\x80\xae", b"con", b" ", b"-rf", b"~"]
for name in names:
    with open(name, "xb") as file:
        file.write(name)
for name in names:
    assert open(name, "rb").read() == name
assert sorted(set(os.listdir(b".")) & set(names)) == sorted(names)
os.mkdir(b"\xff")
os.chdir(b"\xff")
assert os.getcwdb() == b"/box/\xff"
os.symlink(b"\xfe\xff", b"\xfd")
assert os.readlink(b"\xfd") == b"\xfe\xff"
print("held")
