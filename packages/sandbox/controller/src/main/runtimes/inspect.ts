import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { completeLimits, firstLine, RUN_FOLDER, type RunResult } from '@sandpiper/contracts';
import { InterpreterPlaceError, moduleFolders } from '@sandpiper/kernel';
import { z } from 'zod';
import { DEFAULT_PROFILE } from '../../crossing/profile.js';
import { RunRefusedError } from '../../crossing/refused.js';
import type { GuestJob } from '../../crossing/job.js';
import type { Runtime } from '../../crossing/runtime.js';
import { Cell } from '../cell/cell.js';
import { currentCpu } from '../proof/host.js';
import { selfTest } from '../proof/self-test.js';
import { assertRuntime } from './runtime-file.js';

/** What a runtime says of itself, or what is wrong with it. */
export interface RuntimeFacts {
  readonly name: string;
  readonly interpreter: string;
  readonly root: string | null;
  /** `PyPy` or `CPython`; null where it does not start. */
  readonly implementation: string | null;
  /** Of Python. */
  readonly version: string | null;
  /** What is installed in it: names and versions, in order. */
  readonly libraries: readonly { readonly name: string; readonly version: string }[];
  readonly problem: string | null;
}

const ASK = `
import json, platform
try:
    from importlib.metadata import distributions
except ImportError:
    distributions = list  # before Python 3.8
found = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
print(json.dumps([platform.python_implementation(), platform.python_version(), sorted(found.items())]))
`;

const answerSchema = z.tuple([z.string(), z.string(), z.array(z.tuple([z.string(), z.string()]))]);

/** Starts it in a sandbox and asks. */
export async function inspectRuntime(runtime: Runtime): Promise<RuntimeFacts> {
  const { name, place } = runtime;
  const facts = { name, interpreter: place.program, root: place.root };
  try {
    assertRuntime(runtime);
    const result = await ask(runtime);
    if (result.status !== 'ok') throw new RunRefusedError(`does not start: ${whyNot(result)}`);
    const [implementation, version, libraries] = answerSchema.parse(JSON.parse(result.stdout ?? ''));
    const listed = libraries.map(([library, itsVersion]) => ({ name: library, version: itsVersion }));
    return { ...facts, implementation, version, libraries: listed, problem: null };
  } catch (error) {
    if (!(error instanceof RunRefusedError)) throw error;
    return { ...facts, implementation: null, version: null, libraries: [], problem: error.message };
  }
}

/** The names of those that have a module, as far as their folders say. */
export function runtimesWith(module: string, runtimes: readonly Runtime[]): string[] {
  const has = (folder: string): boolean =>
    [`${module}.py`, `${module}/__init__.py`].some((path) => existsSync(join(folder, path)));
  return runtimes.flatMap(({ name, place }) => {
    try {
      return moduleFolders(place).some(has) ? [name] : [];
    } catch (error) {
      if (error instanceof InterpreterPlaceError) return [];
      throw error;
    }
  });
}

export interface RuntimeCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

interface Expectation {
  readonly name: string;
  readonly source: string;
  readonly expected: Partial<Pick<RunResult, 'status' | 'exitCode' | 'stdout'>>;
}

/** What programs of any runtime see the same. */
const EXPECTATIONS: readonly Expectation[] = [
  {
    name: 'arguments, input and output',
    source: 'import sys\nprint(sys.argv[1:], sys.stdin.read())',
    expected: { status: 'ok', stdout: "['a', 'b c'] in\n" },
  },
  {
    name: 'exit codes',
    source: 'import sys\nsys.exit(7)',
    expected: { status: 'runtime-error', exitCode: 7 },
  },
  {
    name: 'files',
    source:
      'import os\nwith open("f", "w") as f: f.write("x" * 9)\nprint(os.path.getsize("f"), os.listdir("/").count("box"))',
    expected: { status: 'ok', stdout: '9 1\n' },
  },
  {
    name: 'modules in C',
    source:
      'import hashlib, json, sqlite3, zlib\nprint(hashlib.sha256(b"").hexdigest()[:8], len(zlib.compress(b"0" * 99)))',
    expected: { status: 'ok', stdout: 'e3b0c442 12\n' },
  },
  {
    name: 'no other process',
    source: 'import os\nprint(os.fork())',
    expected: { status: 'runtime-error', stdout: '' },
  },
  {
    name: 'no network',
    source: 'import socket\nsocket.create_connection(("127.0.0.1", 80))',
    expected: { status: 'runtime-error', stdout: '' },
  },
];

/** Modules of the interpreter's own tests, where they are installed: quick ones that need nothing that a run has not. */
const OWN_TESTS = [
  'test_bisect',
  'test_copy',
  'test_fractions',
  'test_glob',
  'test_heapq',
  'test_string',
  'test_textwrap',
];

const RUN_OWN_TESTS = `
import importlib, io, json, sys, unittest
for name in sys.argv[1:]:
    try:
        module = importlib.import_module("test." + name)
    except ImportError:
        continue
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(io.StringIO()).run(suite)
    print(json.dumps([name, result.testsRun, [test.id() for test, _ in result.failures + result.errors]]))
`;

const ownTestsSchema = z.array(z.tuple([z.string(), z.number(), z.array(z.string())]));

/** Its own tests of the standard library, cold. */
async function ownTests(runtime: Runtime): Promise<RuntimeCheck> {
  const name = 'its own tests';
  const limits = completeLimits({ cpuMs: 120_000, wallMs: 300_000, memoryBytes: 512 * 2 ** 20 });
  const cell = await cellOf(runtime, 'cold', () => undefined);
  try {
    const result = await cell.runJob({ ...jobOf(runtime, RUN_OWN_TESTS), args: OWN_TESTS, limits });
    if (result.status !== 'ok') return { name, ok: false, detail: whyNot(result) };
    const lines = (result.stdout ?? '').split('\n').filter((line) => line !== '');
    const ran = ownTestsSchema.parse(lines.map((line): unknown => JSON.parse(line)));
    if (ran.length === 0) return { name, ok: true, detail: 'not installed, so not tried' };
    const failed = ran.flatMap(([, , failures]) => failures);
    const count = ran.reduce((sum, [, methods]) => sum + methods, 0);
    const detail =
      failed.length === 0
        ? `${count} of ${ran.length} modules, all pass`
        : `${failed.length} of ${count} do not pass: ${failed.slice(0, 3).join(', ')}`;
    return { name, ok: failed.length === 0, detail };
  } finally {
    await cell.close();
  }
}

/** Tries a runtime: cold, and forked from a parent. */
export async function* checkRuntime(runtime: Runtime): AsyncGenerator<RuntimeCheck> {
  const facts = await inspectRuntime(runtime);
  const detail = facts.problem ?? `${facts.implementation} ${facts.version}`;
  yield { name: 'starts', ok: facts.problem === null, detail };
  if (facts.problem !== null) return;
  const { checks } = await selfTest(null, undefined, runtime);
  for (const { name, failure } of checks)
    yield { name: `self-test, ${name}`, ok: failure === null, detail: failure ?? 'as it must be' };
  for (const start of ['cold', 'forked'] as const) {
    const problems: string[] = [];
    const cell = await cellOf(runtime, start, (why) => problems.push(why));
    try {
      for (const { name, source, expected } of EXPECTATIONS) {
        const result = await cell.runJob(jobOf(runtime, source));
        const isRight = Object.entries(expected).every(([key, value]) => result[key as 'status'] === value);
        const ok = isRight && result.start === start;
        const seen =
          result.start === start ? whyNot(result) : `starts ${result.start}: ${problems.join('; ')}`;
        yield { name: `${name}, ${start}`, ok, detail: ok ? 'as it must be' : firstLine(seen) };
      }
    } finally {
      await cell.close();
    }
  }
  yield await ownTests(runtime);
}

const whyNot = (result: RunResult): string => {
  const said = (result.stderr ?? '').trim().split('\n').at(-1) ?? '';
  return firstLine(said === '' ? (result.message ?? result.status) : said).slice(0, 300);
};

async function ask(runtime: Runtime): Promise<RunResult> {
  const cell = await cellOf(runtime, 'cold', () => undefined);
  try {
    return await cell.runJob(jobOf(runtime, ASK));
  } finally {
    await cell.close();
  }
}

/** The caller closes it. */
function cellOf(
  runtime: Runtime,
  start: 'cold' | 'forked',
  onUnprepared: (why: string) => void,
): Promise<Cell> {
  const place = { id: null, cpu: currentCpu(), node: null, rpython: null, runtimes: [runtime], onUnprepared };
  return Cell.start({ ...place, profile: start === 'cold' ? null : DEFAULT_PROFILE });
}

const jobOf = (runtime: Runtime, source: string): GuestJob => ({
  id: randomUUID(),
  attempt: 1,
  interpreter: { engine: 'seccomp', runtime },
  programPath: 'main.py',
  args: ['a', 'b c'],
  env: {},
  folder: RUN_FOLDER,
  files: [{ path: `${RUN_FOLDER}/main.py`, data: Buffer.from(source) }],
  mounts: [],
  stdin: { kind: 'buffer', data: Buffer.from('in') },
  output: 'capture',
  tracePath: null,
  deterministic: null,
  outputs: [],
  limits: completeLimits({ cpuMs: 2000, memoryBytes: 128 * 2 ** 20 }),
});
