"""Planets around a sun: floating-point arithmetic on attributes of a few objects."""


class Body:
    def __init__(self, x, y, z, vx, vy, vz, mass):
        self.x, self.y, self.z, self.vx, self.vy, self.vz, self.mass = x, y, z, vx, vy, vz, mass


def step(bodies, dt):
    for i, a in enumerate(bodies):
        for b in bodies[i + 1:]:
            dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
            force = dt / (dx * dx + dy * dy + dz * dz + 0.01) ** 1.5
            a.vx -= dx * b.mass * force
            a.vy -= dy * b.mass * force
            a.vz -= dz * b.mass * force
            b.vx += dx * a.mass * force
            b.vy += dy * a.mass * force
            b.vz += dz * a.mass * force
    for a in bodies:
        a.x += dt * a.vx
        a.y += dt * a.vy
        a.z += dt * a.vz


BODIES = [Body(i * 1.7, (i * 7 % 5) - 2.0, i * 0.3, 0.1 * i, 0.2, -0.1 * i, 10.0 / (i + 1)) for i in range(5)]
for _ in range(2_000_000):
    step(BODIES, 0.001)
