import sys

name = sys.argv[2] if len(sys.argv) > 2 else input("What is your name? ")
print("hello", name)
