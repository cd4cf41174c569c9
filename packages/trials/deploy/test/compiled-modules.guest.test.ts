import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const COMPILE = fileURLToPath(new URL('../../../../deploy/image/compile.py', import.meta.url));

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sandpiper-compiled-'));
  mkdirSync(join(root, 'lib'));
});
afterEach(() => rmSync(root, { recursive: true }));

const python = (words: readonly string[], env: Readonly<Record<string, string>> = {}): string =>
  execFileSync('pypy3', words, { encoding: 'utf8', env: { ...process.env, ...env } });

/** Every kind of constant, and names and strings of all lengths. */
const CONSTANTS = `
def outer(a, /, b, *c, d=(1, (2.5, -0.0)), **e):
    x = {1, 2, None} & {"one", b"two", 3j}
    def inner(): return a, x, ..., 2**100, -2**31, -2**40
    return inner, a in {"p", "q", 1.5, (1, "r")}, "\\ud800", "é" * 3, "n" * 300, ${'"' + 'y'.repeat(400) + '"'}
class ${'K'.repeat(300)}: é = lambda self: not True
print(outer(1, 2)[0]())
`;

it('modules are compiled to the same bytes each time, which are the code of their sources', () => {
  writeFileSync(join(root, 'lib/constants.py'), CONSTANTS);
  const library = python(['-c', 'import os; print(os.path.dirname(os.__file__))']).trim();
  for (const name of ['json', 'os.py', 'pickle.py', 'inspect.py'])
    cpSync(join(library, name), join(root, 'lib', name), { recursive: true, preserveTimestamps: true });
  const cached = join(root, 'lib/__pycache__');
  const compiled = (env: Readonly<Record<string, string>>): readonly Buffer[] => {
    python(['-S', COMPILE, root, join(root, 'lib')], { PYTHONHASHSEED: '0', ...env });
    const version = python(['-c', 'import sys; print(sys.implementation.cache_tag)']).trim();
    return ['constants', 'os', 'pickle', 'inspect'].map((name) =>
      readFileSync(join(cached, `${name}.${version}.pyc`)),
    );
  };
  const first = compiled({});
  // Other collections of garbage, at other moments.
  expect(compiled({ PYPY_GC_NURSERY: '64K' })).toEqual(first);
  expect(compiled({ PYPY_GC_NURSERY: '256M' })).toEqual(first);

  const run = `import sys; sys.path.insert(0, ${JSON.stringify(join(root, 'lib'))}); import constants`;
  const { stdout, stderr } = spawnSync('pypy3', ['-v', '-c', run], { encoding: 'utf8' });
  expect(stdout).toContain('1267650600228229401496703205376');
  expect(stderr).toMatch(/^# code object from '.*\/constants\.\S+\.pyc'$/m);
});
