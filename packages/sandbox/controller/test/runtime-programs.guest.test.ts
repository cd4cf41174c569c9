import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textOf } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE, type Runtime } from '@sandpiper/controller';
import { runtimeOfPath, withLibraries } from '@sandpiper/controller/runtimes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareProgram } from './bare-program.js';
import { runSource } from './local.js';

/** A root of Debian 13 with CPython and PyPy, which scripts/test makes; null where there is none. */
const ROOT = process.env['TEST_ROOT'] ?? null;
/** Paths of further interpreters of this host, with colons between them. */
const OTHERS = (process.env['TEST_INTERPRETERS'] ?? '').split(':').filter((path) => path !== '');
const isRoot = process.getuid?.() === 0;

const programsIn = (path: string): string[] => {
  return readdirSync(path)
    .filter((name) => name.endsWith('.py'))
    .map((name) => join(path, name));
};

/** Programs that use most of the standard library, those of the examples, and those of a folder that a caller names. */
const PROGRAMS = ['./programs/', '../../../../examples/programs/']
  .map((folder) => fileURLToPath(new URL(folder, import.meta.url)))
  .concat(process.env['TEST_PROGRAMS'] ?? [])
  .flatMap(programsIn);

const beside = (program: string, extension: string): string | null => {
  const path = program.replace(/\.py$/, extension);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
};

describe.each([
  ["Debian's PyPy", '/usr/bin/pypy3', null],
  ['CPython of the host', '/usr/bin/python3', null],
  ['CPython of another system', '/usr/bin/python3', ROOT],
  ['PyPy of another system', '/usr/bin/pypy3', ROOT],
  ...OTHERS.map((path) => [path, path, null] as const),
] as const)('%s', (name, program, root) => {
  const isThere = !name.endsWith('system') || (root !== null && isRoot);
  const runtime: Runtime = { name: 'tried', place: { root, program, libraries: [] }, profile: null, env: {} };
  let folder: string;
  let cold: Cell;
  let forking: Cell;

  beforeAll(async () => {
    if (!isThere) return;
    folder = mkdtempSync(join(tmpdir(), 'sandpiper-programs-'));
    const start = (id: number, profile: readonly string[] | null) =>
      Cell.start({ id, cpu: null, node: null, rpython: null, runtimes: [runtime], profile });
    [cold, forking] = await Promise.all([start(0, null), start(1, DEFAULT_PROFILE)]);
  });

  afterAll(async () => {
    if (!isThere) return;
    await Promise.all([cold.close(), forking.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  it.skipIf(!isThere).each(PROGRAMS.map((path) => [basename(path), path]))(
    'runs %s as bare',
    async (_, path) => {
      await expectAsBare({ folder, cold, forking, runtime }, path);
    },
  );
});

/** Of Debian's packages, which scripts/test-runtimes installs, and asks for. */
const LIBRARIES = [
  ['numpy', 'numpy_arrays.py'],
  ['pandas', 'pandas_tables.py'],
  ['scipy', 'scipy_methods.py'],
  ['sympy', 'sympy_algebra.py'],
  ['networkx', 'networkx_graphs.py'],
  ['pytest', 'pytest_suite.py'],
] as const;

describe.each(process.env['TEST_LIBRARIES'] === undefined ? [] : LIBRARIES)('%s', (library, program) => {
  const interpreter = '/usr/bin/python3';

  it(`runs ${program} as bare, imported by the program and by its parent`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-libraries-'));
    const plain = withLibraries(runtimeOfPath(interpreter), ['/usr/lib/python3/dist-packages']);
    const runtime = { ...plain, profile: [library] };
    const start = (id: number, profile: readonly string[] | null) =>
      Cell.start({ id, cpu: null, node: null, rpython: null, runtimes: [runtime], profile });
    const cold = await start(0, null);
    const forking = await start(1, [library]);
    try {
      const path = fileURLToPath(new URL(`./libraries/${program}`, import.meta.url));
      await expectAsBare({ folder, cold, forking, runtime }, path);
    } finally {
      await Promise.all([cold.close(), forking.close()]);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

interface Bench {
  readonly folder: string;
  readonly cold: Cell;
  readonly forking: Cell;
  readonly runtime: Runtime;
}

async function expectAsBare({ folder, cold, forking, runtime }: Bench, path: string): Promise<void> {
  const { root, program } = runtime.place;
  const args = beside(path, '.args')?.trimEnd().split('\n') ?? [];
  const stdin = beside(path, '.in') ?? '';
  const source = readFileSync(path, 'utf8');
  const expected = bareProgram(folder, program, source, { args, stdin }, root);
  for (const [cell, how] of [
    [cold, 'cold'],
    [forking, 'forked'],
  ] as const) {
    const interpreter = { engine: 'seccomp', runtime } as const;
    const limits = { cpuMs: 60_000, wallMs: 120_000, memoryBytes: 1024 * 1024 * 1024 };
    const result = await runSource(cell, source, { args, stdin, interpreter, limits });
    const { exitCode, start } = result;
    const what = { exitCode, stdout: textOf(result, 'stdout'), stderr: textOf(result, 'stderr') };
    expect({ how: start, ...what }).toEqual({ how, ...expected });
  }
}
