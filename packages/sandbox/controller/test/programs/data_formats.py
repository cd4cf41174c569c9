"""json, csv, pickle, base64, zlib, gzip, zipfile, configparser, xml, html, urllib.parse."""
import base64
import configparser
import csv
import gzip
import html
import io
import json
import pickle
import urllib.parse
import xml.etree.ElementTree
import zipfile
import zlib

document = {"name": "Zoë", "list": [1, 2.5, None, True], "nested": {"a": "\u2028"}}
text = json.dumps(document, indent=1, sort_keys=True)
print(text, json.loads(text) == document, json.dumps("é", ensure_ascii=False), json.dumps(float("nan")))
try:
    json.loads('{"a": 1,}')
except json.JSONDecodeError as error:
    print(type(error).__name__, error.lineno)
rows = list(csv.DictReader(io.StringIO('name,note\nAnn,"said ""hi"", left"\nBob,\n')))
print(rows)
out = io.StringIO()
csv.writer(out, delimiter=";", quoting=csv.QUOTE_NONNUMERIC).writerows([["a", 1], ["b;c", 2.5]])
print(repr(out.getvalue()))


class Shape:
    def __init__(self, sides):
        self.sides = sides

    def __reduce__(self):
        return Shape, (self.sides,)


for protocol in (0, 2, 4):
    print(protocol, pickle.loads(pickle.dumps(Shape(protocol), protocol)).sides)
print(base64.b64encode(bytes(range(20))), base64.b32decode("ONQW4ZDQNFYGK4Q="), base64.b85encode(b"data"))
packed = zlib.compress(b"sandpiper " * 100, 9)
print(len(packed) < 60, zlib.decompress(packed)[:9], zlib.crc32(b"sandpiper"), gzip.decompress(gzip.compress(b"x")))
with zipfile.ZipFile("archive.zip", "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("folder/file.txt", "content" * 10)
with zipfile.ZipFile("archive.zip") as archive:
    print(archive.namelist(), archive.read("folder/file.txt")[:7], archive.testzip())
config = configparser.ConfigParser()
config.read_string("[DEFAULT]\npath = /srv\n[one]\nfile = %(path)s/x\n")
print(config["one"]["file"], config.sections())
tree = xml.etree.ElementTree.fromstring("<a><b id='1'>text</b><b/></a>")
print([(child.tag, child.attrib, child.text) for child in tree], xml.etree.ElementTree.tostring(tree))
print(html.escape("<a href='x'>&</a>"), html.unescape("&eacute;&#128512;"))
print(urllib.parse.urlsplit("https://user@host:81/p/a;x?q=1&q=2#f"), urllib.parse.quote("a b/ü"))
print(urllib.parse.parse_qs("a=1&a=2&b="), urllib.parse.urljoin("http://h/a/b", "../c"))
