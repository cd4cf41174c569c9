"""Any two positive whole numbers with the sum of the input are right."""
import sys

wanted = int(open(sys.argv[1]).read())
feedback = sys.argv[3]


def reject(why):
    with open(feedback + "judgemessage.txt", "w") as file:
        file.write(why + "\n")
    with open(feedback + "teammessage.txt", "w") as file:
        file.write("Read the statement again.\n")
    sys.exit(43)


words = sys.stdin.read().split()
if len(words) != 2 or not all(word.isdigit() for word in words):
    reject(f"two whole numbers are expected, not {len(words)} words")
a, b = map(int, words)
if a < 1 or b < 1:
    reject("a number is not positive")
if a + b != wanted:
    reject(f"{a} + {b} is {a + b}, not {wanted}")
sys.exit(42)
