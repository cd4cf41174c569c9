import numpy as np

a = np.arange(12.0).reshape(3, 4)
print(a.T @ a, a.mean(axis=0), a[a > 5], np.linalg.svd(a, compute_uv=False).round(6))
print(np.linalg.solve(np.array([[3.0, 1], [1, 2]]), [9.0, 8]), np.fft.fft([1, 2, 3, 4]), np.einsum("ij,ij->i", a, a))
rng = np.random.default_rng(7)
print(rng.normal(size=3).round(6), rng.integers(0, 100, 5), np.random.RandomState(7).permutation(6))
np.save("a.npy", a)
np.savez_compressed("both.npz", a=a, b=a.astype("f4"))
print(np.load("a.npy", mmap_mode="r")[1], sorted(np.load("both.npz").files))
print(np.array(["x", "yy"], dtype=object), np.datetime64("2024-02-29") + 1, np.float32(1) / 3, np.unique([3, 1, 3]))
try:
    np.ones((2, 3)) @ np.ones((2, 3))
except ValueError as error:
    print(error)
big = rng.random((300, 300))
print(np.allclose(big @ np.linalg.inv(big), np.eye(300), atol=1e-6), big.nbytes)
