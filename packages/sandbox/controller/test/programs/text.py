"""re, string, textwrap, unicodedata, difflib, struct, codecs."""
import codecs
import difflib
import re
import string
import struct
import textwrap
import unicodedata

print(re.findall(r"(?P<word>\w+)@(\w+)\.(com|org)", "ann@site.com, bob@home.org"))
print(re.sub(r"(\d+)", lambda found: str(int(found[1]) * 2), "3 apples, 14 pears"))
print(re.split(r"[;,]\s*", "a, b;c,  d"), re.fullmatch(r"(?i)yes|no", "YES").span())
try:
    re.compile("(")
except re.error as error:
    print(type(error).__name__, error.pos)
print(string.Template("$who owes ${sum}").substitute(who="Eve", sum=3), string.capwords("one two"))
print(string.ascii_letters[:5], string.punctuation, "{:>8,.2f}|{:^9}|{!r}".format(12345.678, "mid", "q"))
print(textwrap.fill("The quick brown fox jumps over the lazy dog", 20))
print(textwrap.dedent("    a\n      b\n    c"), textwrap.shorten("many words in a line", 12))
print(unicodedata.name("é"), unicodedata.normalize("NFD", "é").encode(), unicodedata.category("€"))
print("\n".join(difflib.unified_diff(["a", "b", "c"], ["a", "c", "d"], lineterm="")))
print(difflib.get_close_matches("appel", ["ape", "apple", "peach"]))
print(struct.pack("<IhQ4s", 1, -2, 3, b"abcd").hex(), struct.unpack(">d", bytes.fromhex("400921fb54442d18")))
print(struct.calcsize("@iq"), codecs.encode("Hello", "rot13"), "ß".casefold(), "straße".upper())
print(b"\xff\xfe".decode("latin-1"), "naïve".encode("ascii", "xmlcharrefreplace"), "🎉".encode("utf-16-le"))
