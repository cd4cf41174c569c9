import sys

# In binary first: what is left of it is not UTF-8.
raw = sys.stdin.buffer
print("name?", raw.readline().decode().strip())
print("second:", repr(raw.readline()))
rest = raw.read()
print(len(rest), rest[:20], rest.count(b"\n"))
sys.stdout.flush()
sys.stdout.buffer.write(rest[::-1])
try:
    input("more? ")
except EOFError as error:
    print("\nEOFError", error)
