import { type RunResult } from '@sandpiper/contracts';
import { Cell } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource, type SourceRun } from './local.js';

/**
 * Nothing of a run is executed outside its limits. Whatever the interpreter executes or reads of it before
 * its program is the run's, and the interpreter's own start is not.
 */

const MIB = 1024 * 1024;
const LIMITS = { cpuMs: 300, memoryBytes: 16 * MIB };
/** Only how it may end by itself. */
const LIMIT_STATUSES = ['time-limit', 'memory-limit'];

const SPINS = 'import time\nbegan = time.process_time()\nwhile time.process_time() - began < 2: pass\n';
const HOLDS = [
  'import sys',
  'kept = []',
  'for _ in range(80):',
  '    part = bytearray(1 << 20)',
  '    for i in range(0, len(part), 4096): part[i] = 1',
  '    kept.append(part)',
  'sys.kept = kept',
].join('\n');

/**
 * Ways to have something executed before the program: files and variables, of which HOG is what is executed.
 */
const WAYS: Readonly<Record<string, (hog: string) => SourceRun>> = {
  'sitecustomize in the folder': (hog) => ({
    files: { 'sitecustomize.py': hog },
    env: { PYTHONPATH: '/box' },
  }),
  'sitecustomize by a relative path': (hog) => ({
    files: { 'sitecustomize.py': hog },
    env: { PYTHONPATH: '.' },
  }),
  'sitecustomize by a link of /proc': (hog) => ({
    files: { 'sitecustomize.py': hog },
    env: { PYTHONPATH: '/proc/self/cwd' },
  }),
  'a module of the library, replaced': (hog) => ({
    files: { 'lib/os.py': hog },
    env: { PYTHONPATH: '/box/lib' },
  }),
  'usercustomize at home': (hog) => ({
    files: { '.local/lib/pypy3.9/site-packages/usercustomize.py': hog },
  }),
  'usercustomize at another home': (hog) => ({
    files: { 'h/.local/lib/pypy3.9/site-packages/usercustomize.py': hog },
    env: { HOME: '/box/h' },
  }),
  'usercustomize by PYTHONUSERBASE': (hog) => ({
    files: { 'u/lib/pypy3.9/site-packages/usercustomize.py': hog },
    env: { PYTHONUSERBASE: '/box/u' },
  }),
  'a .pth file': (hog) => ({
    files: {
      '.local/lib/pypy3.9/site-packages/hog.pth': 'import hog\n',
      '.local/lib/pypy3.9/site-packages/hog.py': hog,
    },
    env: { PYTHONUNBUFFERED: '1' },
  }),
  "a warning's category": (hog) => ({
    files: { 'lib/hog.py': `${hog}\nclass X(Warning): pass\n` },
    env: { PYTHONPATH: '/box/lib', PYTHONWARNINGS: 'ignore::hog.X' },
  }),
};

let cell: Cell;

beforeAll(async () => {
  cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile: [] });
});
afterAll(() => cell.close());

/** What came of it, and with it what the run may be blamed for. */
function told({ status, stdout, usage }: RunResult) {
  return { status, stdout, cpuMs: usage.cpuMs, startupCpuMs: usage.startupCpuMs };
}

describe.each(Object.entries(WAYS))('what is executed before the program: %s', (_what, way) => {
  it('has the CPU time of the run', async () => {
    const result = await runSource(cell, 'print("began")\n', { ...way(SPINS), limits: LIMITS });
    expect(LIMIT_STATUSES, JSON.stringify(told(result))).toContain(result.status);
    expect(result.stdout).toBe('');
  });

  it('has the memory of the run', async () => {
    const limits = { cpuMs: 10_000, memoryBytes: 16 * MIB };
    const result = await runSource(cell, 'print("began")\n', { ...way(HOLDS), limits });
    expect(result, JSON.stringify(told(result))).toMatchObject({ status: 'memory-limit', stdout: '' });
  });
});

describe('variables that make the start itself long or large', () => {
  it.each<Record<string, string>>([{ PYPY_GC_NURSERY: '400MB' }, { PYPY_GC_NURSERY: '40GB' }])(
    '%j',
    async (env) => {
      const result = await runSource(cell, 'x = bytearray(1)\nprint("began")\n', { env, limits: LIMITS });
      expect(['ok', ...LIMIT_STATUSES, 'runtime-error'], JSON.stringify(told(result))).toContain(
        result.status,
      );
      // A nursery that is reserved and not touched is no memory.
      if (result.status === 'ok') expect(result.usage.peakMemoryBytes).toBeLessThan(LIMITS.memoryBytes);
    },
  );

  it('one that the interpreter cannot start with is a fault of the run', async () => {
    const result = await runSource(cell, '', { env: { PYTHONIOENCODING: 'nowhere' } });
    expect(result, JSON.stringify(told(result))).toMatchObject({ status: 'runtime-error', exitCode: 1 });
  });
});

describe("the interpreter's own start is not the run's", () => {
  it.each<SourceRun>([
    {},
    { env: { PYTHONUNBUFFERED: '1', PYTHONHASHSEED: '0', PYTHONWARNINGS: 'ignore' } },
    { files: { 'other.py': 'import sitecustomize', 'data/x': '1' }, env: { LC_ALL: 'C' } },
  ])('%j', async (more) => {
    const result = await runSource(cell, 'print(1)\n', { ...more, limits: LIMITS });
    expect(result).toMatchObject({ status: 'ok', stdout: '1\n' });
    // Two figures of one run, not a deadline: without the mark the run would be charged with the whole start.
    if (result.start === 'cold') expect(result.usage.cpuMs).toBeLessThan(result.usage.startupCpuMs / 2);
  });

  it('a PYTHONPATH of the run leads to its modules as usual', async () => {
    const result = await runSource(cell, 'import a.b\nprint(a.b.x)\n', {
      files: { 'lib/a/b.py': 'x = 5' },
      env: { PYTHONPATH: '/box/lib' },
    });
    expect(result).toMatchObject({ status: 'ok', stdout: '5\n' });
  });
});

describe('an entry is never an option', () => {
  const SAYS = 'import sys\nprint(sys.argv, sys.path[0])\n';
  const NAMES = ['-c', '-m', '--version', '-h', '-i', '-x/y', '-x.py', '-E', '--', '-O', '-W', '-X', '--jit'];

  it.each(
    NAMES.flatMap((name) => [
      [name, 'forked', {}] as const,
      [name, 'cold', { PYTHONUNBUFFERED: '1' }] as const,
    ]),
  )('%s %s', async (name, _start, env) => {
    const result = await runSource(cell, '', {
      files: { [name]: SAYS },
      programPath: name,
      args: ['print("code")'],
      env,
    });
    const folder = name.includes('/') ? '/box/-x' : '/box';
    expect(result).toMatchObject({
      status: 'ok',
      stdout: `['${name}', 'print("code")'] ${folder}\n`,
    });
  });

  it.each([{}, { PYTHONUNBUFFERED: '1' }])('"-" is a file too %j', async (env) => {
    const result = await runSource(cell, '', {
      files: { '-': SAYS },
      programPath: '-',
      stdin: 'print("code")',
      env,
    });
    expect(result).toMatchObject({ status: 'ok', stdout: "['./-'] /box\n" });
  });
});
