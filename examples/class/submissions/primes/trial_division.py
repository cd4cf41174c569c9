n = int(input())
count = 0
for candidate in range(2, n + 1):
    for divisor in range(2, candidate):
        if candidate % divisor == 0:
            break
    else:
        count += 1
print(count)
