import sys

if sys.argv[1:2] == ["--name"]:
    name = sys.argv[2]
else:
    print("What is your name?")
    name = input()
print(f"Hello, {name}!")
