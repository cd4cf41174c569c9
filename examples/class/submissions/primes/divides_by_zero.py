n = int(input())
sieve = [1] * (n + 1)
sieve[:2] = [0] * min(2, n + 1)
for i in range(2, int(n ** 0.5) + 1):
    if sieve[i]:
        for j in range(i * i, n + 1, i):
            sieve[j] = 0
count = sum(sieve)
density = n / count  # for the statistics
print(count)
