n = int(input())
i = 2
while True:
    print("checking", i, "...")
    i += 1
