import random
import statistics

generator = random.Random(2026)
values = [generator.gauss(100, 15) for _ in range(1000)]
print(f"{statistics.mean(values):.6f} {statistics.stdev(values):.6f} {statistics.median(values):.6f}")
print(generator.sample(range(1000), 8), generator.choice("abcdef"), generator.getrandbits(70))
deck = list(range(10))
generator.shuffle(deck)
print(deck, generator.choices("xyz", weights=[1, 5, 1], k=12))
random.seed("a text")
print(random.random(), random.randint(1, 10**12))
