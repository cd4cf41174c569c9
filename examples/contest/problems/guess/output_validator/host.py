"""Thinks of a number from 1 to 1000; the program has ten guesses."""
import sys

GUESSES = 10

secret = int(open(sys.argv[1]).read())
feedback = sys.argv[3]


def end(code, why):
    with open(feedback + "judgemessage.txt", "w") as file:
        file.write(why + "\n")
    sys.exit(code)


for count in range(1, GUESSES + 1):
    line = sys.stdin.readline()
    if not line:
        end(43, f"no guess {count}")
    if not line.strip().isdigit():
        end(43, f"guess {count} is not a number: {line.strip()[:50]!r}")
    guess = int(line)
    if guess == secret:
        print("correct", flush=True)
        end(42, f"{count} guesses")
    print("lower" if secret < guess else "higher", flush=True)
end(43, f"not found with {GUESSES} guesses")
