"""One operation that takes hours."""
print(len(str(7 ** (7 ** 10) % 10 ** 9)))
