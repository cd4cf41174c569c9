task, word = input().split()
assert task == "encipher"
print(word + "x")
