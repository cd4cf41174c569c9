"""First the program enciphers a word; then it must find the word again."""
import sys

from words import recall, remember

task, word = open(sys.argv[1]).read().split()
feedback = sys.argv[3]
answer = sys.stdin.read().split()


def reject(why):
    with open(feedback + "judgemessage.txt", "a") as file:
        file.write(f"{task}: {why}\n")
    sys.exit(43)


if len(answer) != 1:
    reject(f"one word is expected, not {len(answer)}")
if task == "encipher":
    if answer[0] == word:
        reject("the word is not enciphered")
    remember(feedback, word)
    with open(feedback + "nextpass.in", "w") as file:
        file.write(f"decipher {answer[0]}\n")
    sys.exit(42)
if answer[0] != recall(feedback):
    reject(f"{answer[0]!r} is not the word")
sys.exit(42)
