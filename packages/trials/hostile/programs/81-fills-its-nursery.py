# Garbage, some 60 MB of it: with a nursery that is larger than the limit of memory, no collection comes before the limit.
for number in range(1_000_000):
    str(number)
print("the program has ended")
