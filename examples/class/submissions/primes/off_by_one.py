n = int(input())
is_prime = [True] * max(n, 2)
is_prime[0] = is_prime[1] = False
for i in range(2, int(n ** 0.5) + 1):
    if is_prime[i]:
        for j in range(i * i, n, i):
            is_prime[j] = False
print(sum(is_prime[:n]))
