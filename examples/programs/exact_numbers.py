from decimal import ROUND_HALF_EVEN, Decimal, getcontext, localcontext
from fractions import Fraction
import math

getcontext().prec = 50
print(Decimal(2).sqrt())
print(Decimal("1.10") + Decimal("2.20"), 1.1 + 2.2)
print(Decimal("2.675").quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN))
with localcontext() as context:
    context.prec = 6
    print(Decimal(1) / Decimal(7))
print(sum(Fraction(1, n) for n in range(1, 21)))
print(math.factorial(60), math.comb(50, 25), math.isqrt(10**41), math.gcd(2**40, 6**20))
print((1 / 3).hex(), float("1e308") * 10, -0.0, round(2.5), 7 // -2, divmod(-7, 3))
