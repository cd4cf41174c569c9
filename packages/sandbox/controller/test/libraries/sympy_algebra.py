from sympy import Eq, Integral, Matrix, Rational, diff, dsolve, expand, factor, factorint, Function, integrate, latex, limit, oo, pi
from sympy import lambdify, nsolve, pretty, series, simplify, sin, solve, sqrt, symbols

x, y = symbols("x y")
print(expand((x + y) ** 3), factor(x**3 - 1), simplify(sin(x) ** 2 + (1 - sin(x) ** 2)))
print(diff(sin(x) / x, x), integrate(1 / (1 + x**2), (x, 0, oo)), limit(sin(x) / x, x, 0), series(sin(x), x, 0, 6))
print(solve([x + y - 3, x - y - 1], [x, y]), solve(x**2 - 2, x), nsolve(x**3 - x - 1, 1.5))
print(Matrix([[1, 2], [3, 4]]).inv(), Matrix([[2, 1], [1, 2]]).eigenvals(), factorint(2**64 - 1), Rational(1, 3) + sqrt(8))
f = Function("f")
print(dsolve(Eq(f(x).diff(x), f(x))), pi.evalf(40), latex(Integral(x**2, x)), lambdify(x, x**2 + 1)(3))
print(pretty(Integral(sqrt(x) / 2, x)))
