import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textOf } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE, type Runtime } from '@sandpiper/controller';
import { checkRuntime, inspectRuntime, runtimeOfPath, withLibraries } from '@sandpiper/controller/runtimes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareProgram } from './bare-program.js';
import { runSource, type SourceRun } from './local.js';

/** The host's CPython, which scripts/setup installs. */
const PYTHON = '/usr/bin/python3';
/** A root of Debian 13 with CPython, PyPy and NumPy, which scripts/test makes; null where there is none. */
const ROOT = process.env['TEST_ROOT'] ?? null;
const python = runtimeOfPath(PYTHON);

let folder: string;
let cold: Cell;
let forking: Cell;

const start = (id: number, runtime: Runtime, profile: readonly string[] | null) =>
  Cell.start({ id, cpu: null, node: null, rpython: null, runtimes: [runtime], profile });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-runtime-'));
  [cold, forking] = await Promise.all([start(0, python, null), start(1, python, DEFAULT_PROFILE)]);
});

afterAll(async () => {
  await Promise.all([cold.close(), forking.close()]);
  rmSync(folder, { recursive: true, force: true });
});

async function seen(cell: Cell, source: string, more: SourceRun = {}) {
  const result = await runSource(cell, source, {
    interpreter: { engine: 'seccomp', runtime: python },
    ...more,
  });
  const { start: how, exitCode } = result;
  return { how, what: { exitCode, stdout: textOf(result, 'stdout'), stderr: textOf(result, 'stderr') } };
}

const said = async (cell: Cell, source: string, more: SourceRun = {}): Promise<string> => {
  const { what } = await seen(cell, source, more);
  expect(what.stderr).toBe('');
  return what.stdout;
};

describe('CPython in the sandbox', () => {
  it.each([
    ['of a subfolder', 'sub/prog.py'],
    ['in another script', 'prüfung-题.py'],
    ['that is longer than usual', `${'long'.repeat(50)}.py`],
  ])('knows a program %s by its name', async (_, programPath) => {
    const source = [
      'import sys, __main__, traceback',
      'print(sys.argv, sys.orig_argv[1:], sys.path[0], __file__, __main__.__spec__, ascii(__name__))',
      'traceback.print_stack(file=sys.stdout)',
      'def inner(): raise ValueError("x")',
      'inner()',
    ].join('\n');
    const expected = bareProgram(folder, PYTHON, source, { programPath, args: ['a', 'b c'] });
    for (const cell of [cold, forking]) {
      const files = { [programPath]: source };
      const { what } = await seen(cell, '', { programPath, files, args: ['a', 'b c'] });
      expect(what).toEqual(expected);
    }
  });

  it('starts cold for a name that no parent has room for', async () => {
    const programPath = `${'x'.repeat(200)}/`.repeat(12) + 'main.py';
    const { how, what } = await seen(forking, '', { programPath, files: { [programPath]: 'print(1)' } });
    expect([how, what.stdout]).toEqual(['cold', '1\n']);
  });

  it('ends as a program ends: exit handlers, objects, threads of the library, codes', async () => {
    const source = [
      'import atexit, sys, tempfile, weakref, threading',
      'class Thing:',
      '    def __init__(self, name): self.name = name',
      '    def __del__(self): print("gone", self.name)',
      'one = Thing("global")',
      'cycle = Thing("cycle"); cycle.me = cycle',
      'kept = tempfile.TemporaryDirectory()',
      'weakref.finalize(kept, print, "finalized")',
      'atexit.register(print, "first", Thing)',
      'atexit.register(lambda: print("second", threading.main_thread().name))',
      'sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else None)',
    ].join('\n');
    for (const args of [[], ['3']]) {
      const expected = bareProgram(folder, PYTHON, source, { args });
      for (const cell of [cold, forking]) expect((await seen(cell, source, { args })).what).toEqual(expected);
    }
    for (const text of [
      'raise KeyboardInterrupt',
      'import os; os.abort()',
      'raise SystemExit("why")',
      '1 +',
    ]) {
      const [first, second] = [await seen(cold, text), await seen(forking, text)];
      expect(second.what).toEqual(first.what);
    }
  });

  it('gives the children of one parent different random numbers', async () => {
    const source = [
      'import random, secrets, tempfile, uuid, os, ssl, hashlib',
      'name = next(tempfile._get_candidate_names())',
      'print(random.random(), secrets.token_hex(4), uuid.uuid4(), uuid.uuid1().node, name, ssl.RAND_bytes(4).hex())',
    ].join('\n');
    const profile = [...DEFAULT_PROFILE, 'ssl', 'uuid', 'tempfile', 'secrets'];
    const cell = await start(2, python, profile);
    try {
      const drawn = [await said(cell, source), await said(cell, source), await said(cell, source)];
      const words = drawn.map((line) => line.trim().split(' '));
      for (const at of [0, 1, 2, 3, 4, 5]) expect(new Set(words.map((line) => line[at])).size).toBe(3);
    } finally {
      await cell.close();
    }
  });

  it('runs what asyncio and pipes need: descriptors that do not wait', async () => {
    const source = [
      'import asyncio, os, socket',
      'async def main():',
      '    ours, theirs = socket.socketpair()',
      '    reader, writer = await asyncio.open_connection(sock=ours)',
      '    theirs.send(b"hello\\n")',
      '    print(await reader.readline(), await asyncio.gather(*(asyncio.sleep(0.01, n) for n in range(3))))',
      'asyncio.run(main())',
      'end, other = os.pipe()',
      'os.set_blocking(end, False)',
      'try: os.read(end, 1)',
      'except BlockingIOError: print("would wait", os.get_blocking(end), os.get_blocking(other))',
    ].join('\n');
    const expected = "b'hello\\n' [0, 1, 2]\nwould wait False True\n";
    expect([await said(cold, source), await said(forking, source)]).toEqual([expected, expected]);
  });

  it('shows nothing of what the host has installed beside it', async () => {
    const source =
      'import os\ntry: import numpy\nexcept ImportError as error: print(error)\nprint(os.listdir("/usr/lib/python3.11/dist-packages"))';
    const folders = '/usr/lib/python3.11/dist-packages';
    const { what } = await seen(cold, source);
    expect(what.stdout).toBe("No module named 'numpy'\n");
    expect(what.stderr).toContain(`No such file or directory: '${folders}'`);
  });

  it('keeps nothing of one run for the next', async () => {
    await said(
      forking,
      'import json, os; json.mark = 1; os.environ["MARK"] = "1"; open("/tmp/mark", "w").close()',
    );
    const look = 'import json, os; print(hasattr(json, "mark"), "MARK" in os.environ, os.listdir("/tmp"))';
    expect(await said(forking, look)).toBe('False False []\n');
  });
});

describe('libraries', () => {
  const library = () => {
    const path = mkdtempSync(join(folder, 'library-'));
    writeFileSync(join(path, 'stones.py'), 'COUNT = 7\n');
    writeFileSync(join(path, 'json.py'), 'raise SystemExit("shadowed")\n');
    writeFileSync(join(path, 'sitecustomize.py'), 'print("customized")\n');
    writeFileSync(join(path, 'evil.pth'), 'import sys; sys.stdout.write("executed")\n');
    return path;
  };

  it.each([
    ['default', '/usr/bin/pypy3'],
    ['CPython', PYTHON],
  ])('of %s are found behind its own, and no file of theirs is obeyed at the start', async (_, program) => {
    const runtime = withLibraries(runtimeOfPath(program), [library()]);
    const cell = await start(3, runtime, [...DEFAULT_PROFILE, 'stones']);
    try {
      const source = 'import json, stones, sys; print(stones.COUNT, stones.__file__, sys.path[-1])';
      const more = { interpreter: { engine: 'seccomp', runtime } as const };
      const expected = '7 /libraries/0/stones.py /libraries/0\n';
      const first = await runSource(cell, source, more);
      expect([first.start, first.stdout, first.stderr]).toEqual(['forked', expected, '']);
      const again = await runSource(cell, source, { ...more, env: { PYTHONUTF8: '1' } });
      expect([again.start, again.stdout, again.stderr]).toEqual(['cold', expected, '']);
      const denied = await runSource(cell, 'open("/libraries/0/new", "w")', more);
      expect(denied.stderr).toMatch(/Read-only file system|Permission denied/);
    } finally {
      await cell.close();
    }
  });
});

describe('a profile', () => {
  const withModule = (text: string) => {
    const path = mkdtempSync(join(folder, 'profile-'));
    writeFileSync(join(path, 'bad.py'), text);
    return { ...withLibraries(python, [path]), profile: ['json', 'bad'] };
  };

  it.each([
    [
      'starts a thread',
      'import threading\nthreading.Thread(target=print).start()',
      'forked',
      /bad: RuntimeError/,
    ],
    ['forks', 'import os\nos.fork()', 'forked', /bad: (?:BlockingIO|OS)Error/],
    ['ends its program', 'raise SystemExit(3)', 'forked', /bad: SystemExit/],
    ['fails', '1 / 0', 'forked', /bad: ZeroDivisionError/],
    ['writes', 'print("x" * 10000, flush=True)', 'forked', /^$/],
    ['hangs', 'while True: pass', 'cold', /./],
    ['ends its interpreter', 'import os\nos._exit(3)', 'cold', /./],
  ])('that %s is told, and its runs start all the same', async (_, text, how, told) => {
    const problems: string[] = [];
    const runtime = withModule(text);
    const place = { id: 8, cpu: null, node: null, rpython: null, runtimes: [runtime] };
    const onUnprepared = (why: string) => problems.push(why);
    const cell = await Cell.start({ ...place, profile: DEFAULT_PROFILE, onUnprepared });
    try {
      const result = await runSource(cell, 'print(6 * 7)', { interpreter: { engine: 'seccomp', runtime } });
      expect([result.start, result.stdout, result.stderr]).toEqual([how, '42\n', '']);
      expect(problems.join()).toMatch(told);
    } finally {
      await cell.close();
    }
  });
});

describe('a shared object of a library', () => {
  it('that is cut short meanwhile hurts no program that has it, and ends only those that load it later', async () => {
    const path = mkdtempSync(join(folder, 'objects-'));
    const modules = '/usr/lib/python3.11/lib-dynload';
    const [object = ''] = readdirSync(modules).filter((name) => name.startsWith('_lsprof.'));
    writeFileSync(join(path, object), readFileSync(join(modules, object)));
    const load = [
      'import importlib.util',
      `spec = importlib.util.spec_from_file_location("_lsprof", "/libraries/0/${object}")`,
      'module = importlib.util.module_from_spec(spec)',
      'spec.loader.exec_module(module)',
    ];
    writeFileSync(join(path, 'loads.py'), load.join('\n'));
    const runtime = { ...withLibraries(python, [path]), profile: ['loads'] };
    const cell = await start(3, runtime, DEFAULT_PROFILE);
    const more = { interpreter: { engine: 'seccomp', runtime } as const };
    const source =
      'import loads; p = loads.module.Profiler(); p.enable(); p.disable(); print(len(p.getstats()))';
    try {
      const before = await runSource(cell, source, more);
      truncateSync(join(path, object), 4096);
      const after = await runSource(cell, source, more);
      for (const { start: how, stdout, stderr } of [before, after])
        expect([how, stdout, stderr]).toEqual(['forked', '1\n', '']);
    } finally {
      await cell.close();
    }
    // Files of a runtime are taken not to change while a process lives, so it finds nothing where code was.
    const { status, signal } = await runSource(cold, source, more);
    expect([status, signal]).toEqual(['runtime-error', 'SIGSEGV']);
    expect(await said(cold, 'print(1)')).toBe('1\n');
  });
});

describe.skipIf(ROOT === null || process.getuid?.() !== 0)('a root of another system', () => {
  it('has its own libraries: the children of one NumPy draw different numbers', async () => {
    const profile = ['numpy', 'numpy.random'];
    const place = { root: ROOT, program: PYTHON, libraries: [] };
    const runtime: Runtime = { name: 'numpy', place, profile, env: { OPENBLAS_NUM_THREADS: '1' } };
    const cell = await start(7, runtime, DEFAULT_PROFILE);
    try {
      const source = [
        'import numpy',
        'print(numpy.arange(3).sum(), numpy.random.rand(), numpy.random.default_rng().random())',
        'print(hasattr(numpy, "mark"), numpy.linalg.inv(numpy.eye(2)).tolist()); numpy.mark = 1',
      ].join('\n');
      const drawn: (string | undefined)[][] = [];
      for (let run = 0; run < 3; run++) {
        const result = await runSource(cell, source, { interpreter: { engine: 'seccomp', runtime } });
        expect([result.start, result.stderr]).toEqual(['forked', '']);
        expect(result.stdout).toMatch(/^3 .*\nFalse \[\[1\.0, 0\.0\], \[0\.0, 1\.0\]\]\n$/);
        drawn.push(result.stdout?.split(/\s/) ?? []);
      }
      for (const at of [1, 2]) expect(new Set(drawn.map((words) => words[at])).size).toBe(3);
    } finally {
      await cell.close();
    }
  });

  it('says what it has', async () => {
    const place = { root: ROOT, program: PYTHON, libraries: [] };
    const facts = await inspectRuntime({ name: 'root', place, profile: null, env: {} });
    expect(facts).toMatchObject({ implementation: 'CPython', problem: null });
    expect(facts.libraries.map(({ name }) => name)).toContain('numpy');
  });
});

describe('one cell', () => {
  it('runs what a job names, and forks what the last one named', async () => {
    const cell = await start(4, python, DEFAULT_PROFILE);
    try {
      const source = 'import sys; print(sys.implementation.name)';
      const by = async (runtime: Runtime) => {
        const result = await runSource(cell, source, { interpreter: { engine: 'seccomp', runtime } });
        return [result.start, result.stdout];
      };
      const pypy = runtimeOfPath('/usr/bin/pypy3');
      expect(await by(python)).toEqual(['forked', 'cpython\n']);
      expect(await by(pypy)).toEqual(['cold', 'pypy\n']);
      expect(await by(pypy)).toEqual(['forked', 'pypy\n']);
      expect(await by(python)).toEqual(['cold', 'cpython\n']);
      expect(await by(python)).toEqual(['forked', 'cpython\n']);
    } finally {
      await cell.close();
    }
  });
});

describe('what a runtime is', () => {
  it('says itself', async () => {
    const version = execFileSync(PYTHON, ['-c', 'import platform; print(platform.python_version())'], {
      encoding: 'utf8',
    });
    expect(await inspectRuntime(python)).toMatchObject({
      implementation: 'CPython',
      version: version.trim(),
      problem: null,
    });
  });

  it('is checked, cold and forked', async () => {
    const checks: { name: string; ok: boolean; detail: string }[] = [];
    for await (const check of checkRuntime(python)) checks.push(check);
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.length).toBeGreaterThan(15);
  });

  it('is told where it does not start', async () => {
    const none = runtimeOfPath('/usr/bin/python9');
    expect(await inspectRuntime(none)).toMatchObject({
      version: null,
      problem: '/usr/bin/python9: no such file',
    });
  });
});
