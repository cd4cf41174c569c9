import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * Three projects, by the real component a test needs, told by the name of its file:
 *   unit    *.test.ts        nothing but Node
 *   guest   *.guest.test.ts  real PyPy guests: pypy3 and the C programs, built
 *   redis   *.redis.test.ts  a real redis-server, and for whole-path tests guests as well
 * No test is retried: one that fails sometimes is a fault.
 */
const everyTest = (kind: string) => [
  `packages/*/*/test/**/*${kind}`,
  `services/*/test/**/*${kind}`,
  `scripts/test/**/*${kind}`,
];

export default defineConfig({
  test: {
    retry: 0,
    allowOnly: false,
    maxWorkers: Math.max(1, Math.min(4, availableParallelism())),
    projects: [
      {
        test: {
          name: 'unit',
          include: everyTest('.test.ts'),
          exclude: ['**/node_modules/**', '**/*.guest.test.ts', '**/*.redis.test.ts'],
          testTimeout: 15_000,
          hookTimeout: 15_000,
        },
      },
      {
        test: {
          name: 'guest',
          include: everyTest('.guest.test.ts'),
          // One file at a time: many tests take all of a CPU. scripts/test runs this project beside the next.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'redis',
          globalSetup: ['packages/trials/testkit/src/vitest-setup.ts'],
          include: everyTest('.redis.test.ts'),
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
