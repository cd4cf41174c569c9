import base64
import binascii
import io
import struct
import textwrap
import zlib

text = "Sandpipers run along the edge of the waves, and never get their feet wet for long. " * 3
print(textwrap.fill(text, 40, initial_indent="* ", subsequent_indent="  "))
print(textwrap.shorten(text, 30), repr(textwrap.dedent("  a\n    b\n")))
packed = struct.pack("<hIq4sd", -2, 4_000_000_000, -(2**40), b"ab", 0.1)
print(packed.hex(), struct.unpack(">HH", b"\x01\x02\x03\x04"), struct.calcsize("@bq"))
squeezed = zlib.compress(text.encode(), 9)
print(len(squeezed), zlib.crc32(squeezed), zlib.decompress(squeezed).decode() == text)
print(base64.b85encode(packed), binascii.crc32(b"sandpiper"), base64.urlsafe_b64encode(b"\xff\xfe\xfd"))
stream = io.BytesIO()
stream.write(b"0123456789")
stream.seek(3)
print(stream.read(4), memoryview(stream.getvalue())[2:8:2].tolist())
