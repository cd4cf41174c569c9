import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CORPUS } from '../src/corpus.js';

const top = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

describe('the corpus', () => {
  it('has every behaviour of the list once, in order', () => {
    const numbers = CORPUS.map(({ number }) => number);
    expect(numbers.slice(0, 79)).toEqual(Array.from({ length: 79 }, (_, i) => i + 1));
    // Each file has a range of numbers of its own, which may have gaps.
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it.each(CORPUS.map((behaviour) => [behaviour.number, behaviour] as const))(
    '%i has an outcome: attacks, or tests elsewhere; and a reason for each engine without',
    (_, { seccomp, rpython, elsewhere = [] }) => {
      for (const engine of [seccomp, rpython]) {
        if (typeof engine === 'string') expect(engine).toMatch(/\w{3}/);
        else expect(engine.length).toBeGreaterThan(0);
      }
      const attacked = [seccomp, rpython].some((engine) => typeof engine !== 'string' && engine.length > 0);
      expect(attacked || elsewhere.length > 0).toBe(true);
    },
  );

  it('uses every program, and none that is not there', () => {
    const used = CORPUS.flatMap(({ seccomp }) => (typeof seccomp === 'string' ? [] : seccomp))
      .map(({ program }) => program)
      .filter((program) => program.endsWith('.py'));
    const there = readdirSync(top('packages/trials/hostile/programs')).filter((name) => name.endsWith('.py'));
    expect([...new Set(used)].sort()).toEqual(there.sort());
  });

  it.each(
    CORPUS.flatMap(({ number, elsewhere = [] }) =>
      elsewhere.map((test) => [number, test.file, test.title] as const),
    ),
  )('%i is shown by a test that is there: %s', (_number, file, title) => {
    expect(existsSync(top(file)), file).toBe(true);
    expect(readFileSync(top(file), 'utf8')).toContain(title);
  });
});
