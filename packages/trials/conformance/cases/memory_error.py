# What can never be had is a MemoryError, and the program goes on.
for size in 10**13, 10**15:
    try:
        print(len(bytearray(size)))
    except MemoryError as error:
        print(type(error).__name__, size)
print(sum(bytearray(b"\1") * 1000))
