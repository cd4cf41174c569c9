import { describe, expect, it } from 'vitest';
import { changesStart, hasEarlyVariable } from '../src/thread/start/environment.js';

describe('variables of a run', () => {
  it.each([{}, { NAME: 'x' }, { HOME: '/box' }, { PATH: '/bin' }, { MY_PYTHON: '1' }])(
    'that the interpreter reads in its program alone need no start of their own: %j',
    (env) => {
      expect(hasEarlyVariable(env)).toBe(false);
      expect(changesStart(env)).toBe(false);
    },
  );

  it.each([
    { PYTHONHASHSEED: '0' },
    { PYTHONWARNINGS: 'ignore' },
    { PYTHONPATH: '/box/lib' },
    { LC_ALL: 'C' },
    { TZ: 'UTC' },
  ])('that leave the start as long as it is are not charged with it: %j', (env) => {
    expect(hasEarlyVariable(env)).toBe(true);
    expect(changesStart(env)).toBe(false);
  });

  it.each<Record<string, string>>([
    { PYPY_GC_NURSERY: '400MB' },
    { PYPYLOG: 'jit:log' },
    { PYTHONWARNINGS: 'ignore::hog.X' },
    { PYTHONHOME: '/box' },
    { MALLOC_ARENA_MAX: '1' },
    { LD_BIND_NOW: '1' },
    { LC_ALL: 'x'.repeat(1025) },
    { PYTHONHASHSEED: '0', GLIBC_TUNABLES: 'glibc.malloc.check=3' },
  ])('that may make the start long or large are charged with it: %j', (env) => {
    expect(changesStart(env)).toBe(true);
  });
});
