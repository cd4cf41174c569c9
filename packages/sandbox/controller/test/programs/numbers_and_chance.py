"""math, cmath, decimal, fractions, statistics, random, secrets, hashlib, hmac."""
import cmath
import decimal
import fractions
import hashlib
import hmac
import math
import random
import secrets
import statistics

print(math.gcd(84, 36), math.comb(10, 3), math.isqrt(10**20), math.prod([1, 2, 3]), math.hypot(3, 4), math.tau)
print(math.fsum([0.1] * 10), math.isclose(0.1 + 0.2, 0.3), math.nextafter(1, 2), math.log(8, 2), math.inf)
print(cmath.sqrt(-1), cmath.phase(1j), 2**200, pow(3, -1, 11), -7 // 2, -7 % 2, round(2.5), 0.1 + 0.2)
with decimal.localcontext() as context:
    context.prec = 40
    print(decimal.Decimal(2).sqrt(), decimal.Decimal("1.10") + decimal.Decimal("2.20"))
try:
    decimal.Decimal(1) / 0
except decimal.DivisionByZero as error:
    print(type(error).__name__)
print(fractions.Fraction("0.125"), fractions.Fraction(1, 3) + fractions.Fraction(1, 6))
print(fractions.Fraction(math.pi).limit_denominator(1000))
values = [1, 2, 2, 3, 9]
print(statistics.mean(values), statistics.median(values), statistics.mode(values), statistics.stdev(values))
print(statistics.quantiles(values, n=4), statistics.NormalDist(0, 1).cdf(1.96))
random.seed(2024)
print(random.random(), random.randint(1, 6), random.sample(range(100), 5), random.choices("abc", k=4))
letters = list("abcdef")
random.shuffle(letters)
print(letters, random.gauss(0, 1), random.Random("text").getrandbits(64))
print(len(secrets.token_bytes(16)), len(secrets.token_urlsafe(16)), secrets.compare_digest("a", "a"))
for name in ("md5", "sha1", "sha256", "sha3_256", "blake2b"):
    print(name, hashlib.new(name, b"sandpiper").hexdigest()[:32])
print(hashlib.pbkdf2_hmac("sha256", b"pass", b"salt", 1000).hex(), sorted(hashlib.algorithms_guaranteed)[:3])
print(hmac.new(b"key", b"message", "sha256").hexdigest())
