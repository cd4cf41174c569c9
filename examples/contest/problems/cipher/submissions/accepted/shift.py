task, word = input().split()
step = 1 if task == "encipher" else -1
print("".join(chr((ord(c) - 97 + step) % 26 + 97) for c in word))
