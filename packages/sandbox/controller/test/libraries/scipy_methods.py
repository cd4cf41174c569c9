import numpy as np
from scipy import integrate, interpolate, linalg, ndimage, optimize, signal, sparse, spatial, special, stats
from scipy.sparse.linalg import spsolve

print(integrate.quad(lambda x: np.exp(-x * x), -np.inf, np.inf)[0].__round__(10))
print(optimize.minimize(lambda v: (v[0] - 1) ** 2 + (v[1] + 2) ** 2, [0, 0]).x.round(4), optimize.brentq(np.cos, 0, 3))
print(linalg.eigvalsh([[2, 1], [1, 2]]), special.gamma(5), special.jv(0, 1.5).round(10))
print(stats.ttest_ind([1, 2, 3, 4], [2, 3, 4, 6]).pvalue.round(8), stats.norm.ppf(0.975).round(8))
matrix = sparse.csr_matrix([[4.0, 1, 0], [1, 3, 0], [0, 0, 2]])
print(spsolve(matrix.tocsc(), np.array([1.0, 2, 3])).round(8), matrix.nnz)
print(interpolate.CubicSpline([0, 1, 2, 3], [0, 1, 8, 27])(1.5), signal.convolve([1, 2, 3], [0, 1, 0.5]))
print(spatial.ConvexHull(np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]])).volume, ndimage.label(np.eye(3))[1])
solution = integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0], rtol=1e-8)
print(solution.y[0, -1].round(6), solution.status)
