import type { RunStatus } from '@sandpiper/contracts';
import { Cell, DEFAULT_PROFILE, type Interpreter } from '@sandpiper/controller';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runSource, type SourceRun } from './local.js';

/**
 * One suite for every interpreter, in the Python that 2.7 and 3 have in common. A PyPy translated with
 * `--sandbox` is never part of this repository: developers who have built one give its path, and that of its
 * library, in the environment.
 */

const MIB = 1024 * 1024;

function translated(name: string): Interpreter | null {
  const executable = process.env[name];
  const library = process.env[`${name}_LIB`];
  return executable && library ? { engine: 'rpython', executable, library } : null;
}

interface Subject {
  readonly title: string;
  readonly interpreter: Interpreter | null;
  readonly profile?: readonly string[];
}

function subject(title: string, name: string): Subject {
  const interpreter = translated(name);
  if (interpreter !== null) return { title, interpreter };
  const why = `${title}: skipped, it needs ${name} and ${name}_LIB in the environment`;
  process.stdout.write(`${why}\n`);
  return { title: why, interpreter };
}

const SUBJECTS: readonly Subject[] = [
  { title: 'stock pypy3, engine seccomp', interpreter: { engine: 'seccomp' } },
  {
    title: 'stock pypy3, forked from a parked parent',
    interpreter: { engine: 'seccomp' },
    profile: DEFAULT_PROFILE,
  },
  subject('PyPy 2.7, engine rpython', 'PYPY2_SANDBOX'),
  subject('PyPy 3.6, engine rpython', 'PYPY3_SANDBOX'),
];

interface Case extends Omit<SourceRun, 'interpreter'> {
  readonly name: string;
  readonly source: string;
  readonly status?: RunStatus;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly stdout?: string;
  readonly stderr?: string | RegExp;
}

const SMALL = { cpuMs: 500, wallMs: 1500 };
/** Elapsed time is left at its default: on a busy host half a second of CPU time may take long. */
const CPU_BOUND = { cpuMs: 500 };

const CASES: Case[] = [
  { name: 'says hello', source: 'print(6 * 7)', stdout: '42\n', stderr: '', exitCode: 0 },
  {
    name: 'gets its arguments',
    source: 'import sys\nprint("|".join(sys.argv))',
    args: ['a b', '-S', ''],
    stdout: 'main.py|a b|-S|\n',
  },
  {
    name: 'gets its environment',
    source: 'import os\nprint("%s %s %s" % (os.environ["NAME"], os.environ["HOME"], os.environ.get("NONE")))',
    env: { NAME: 'a=b' },
    stdout: 'a=b /box None\n',
  },
  {
    name: 'gets its input',
    source:
      'import sys\nn = int(sys.stdin.readline())\nprint(sum(int(sys.stdin.readline()) for _ in range(n)))',
    stdin: '3\n10\n20\n12\n',
    stdout: '42\n',
  },
  {
    name: 'knows the size of its input, and reads it twice',
    source: `
import os
size = os.fstat(0).st_size
one = os.read(0, size)
print("%d %d" % (size, os.lseek(0, 0, 1)))
os.lseek(0, 0, 0)
print(os.read(0, size) == one)`,
    stdin: '3\n10\n',
    stdout: '5 5\nTrue\n',
  },
  { name: 'finds the end of its input', source: 'import sys\nprint(repr(sys.stdin.read()))', stdout: "''\n" },
  {
    name: 'ends with a code',
    source: 'import sys\nsys.stderr.write("bye\\n")\nsys.exit(3)',
    status: 'runtime-error',
    exitCode: 3,
    stderr: 'bye\n',
  },
  { name: 'ends at once', source: 'import os\nos._exit(4)', status: 'runtime-error', exitCode: 4 },
  {
    name: 'shows a traceback',
    source: 'def f(x):\n    return 1 // x\nf(0)',
    status: 'runtime-error',
    exitCode: 1,
    stderr:
      /^Traceback .*:\n {2}File "(\/box\/)?main\.py", line 3, in <module>\n[^]*\nZeroDivisionError: .*\n$/,
  },
  {
    name: 'has a syntax error',
    source: 'print(1\n',
    status: 'runtime-error',
    exitCode: 1,
    stderr: /SyntaxError/,
  },
  {
    name: 'uses its library',
    source:
      'import json, re, collections, heapq\nprint(json.dumps(sorted(collections.Counter("mississippi").items())))\nprint(re.sub("(s+)", lambda m: str(len(m.group(1))), "mississippi"))',
    stdout: '[["i", 4], ["m", 1], ["p", 2], ["s", 4]]\nmi2i2ippi\n',
  },
  {
    name: 'works with files',
    source: `import os
os.mkdir("folder")
with open("folder/a", "w") as f: f.write("one\\ntwo\\n")
os.rename("folder/a", "folder/b")
with open("folder/b", "a") as f: f.write("three\\n")
with open("folder/b") as f: print(f.read().split())
print(os.listdir("folder"))
print(os.stat("folder/b").st_size)
print(sorted(os.listdir(".")))
os.unlink("folder/b")
os.rmdir("folder")
print(os.path.exists("folder"))
print(open("data.txt").read())
print(os.getcwd())`,
    files: { 'data.txt': 'given' },
    stdout: `['one', 'two', 'three']\n['b']\n14\n['data.txt', 'folder', 'main.py']\nFalse\ngiven\n/box\n`,
  },
  {
    name: 'imports a module of its own',
    source: 'import helper\nprint(helper.answer())',
    files: { 'helper.py': 'def answer():\n    return 42\n' },
    stdout: '42\n',
  },
  {
    name: 'cannot change its library',
    source: `import os
for make in (lambda: open(os.__file__, "w"), lambda: os.unlink(os.__file__)):
    try: make()
    except EnvironmentError as e: print(e.errno)`,
    stdout: '30\n30\n',
  },
  {
    name: 'sees nothing of the host',
    source:
      'import os\nprint([p for p in ("/etc/shadow", "/etc/hosts", "/root", "/home", "/sys", "/proc/1") if os.path.exists(p)])',
    stdout: '[]\n',
  },
  {
    name: 'has no processes to start',
    source: 'import os\ntry: print(os.system("true") == 0)\nexcept OSError: print(False)',
    stdout: 'False\n',
  },
  { name: 'spins', source: 'while True: pass', status: 'time-limit', limits: CPU_BOUND },
  { name: 'sleeps', source: 'import time\ntime.sleep(1000)', status: 'wall-limit', limits: SMALL },
  {
    name: 'hoards memory',
    source: 'a = []\nwhile True: a.append(bytearray(1 << 20))',
    status: 'memory-limit',
    limits: { memoryBytes: 64 * MIB },
  },
  {
    name: 'asks for too much memory at once',
    source: 'bytearray(1 << 43)',
    status: 'memory-limit',
    exitCode: 1,
    limits: { memoryBytes: 64 * MIB },
  },
  {
    name: 'prints without end',
    source: 'while True: print("x" * 999)',
    status: 'output-limit',
    limits: { outputBytes: 10_000 },
    stdout: `${'x'.repeat(999)}\n`.repeat(10),
  },
  {
    name: 'fills its disk',
    source: 'f = open("big", "wb")\nwhile True: f.write(b"x" * 65536)',
    status: 'disk-limit',
    limits: { diskBytes: MIB },
  },
  {
    name: 'makes calls without end',
    source: 'import os\nwhile True: os.stat("/")',
    status: 'syscall-limit',
    limits: { syscalls: 50_000 },
  },
  {
    name: 'aborts',
    source: 'import os\nos.abort()',
    status: 'runtime-error',
    signal: 'SIGABRT',
  },
];

// By %s: $title would be cut, and scripts/lib/count-tests.mjs knows the skipped by their whole names.
describe.each(SUBJECTS.map((one) => [one.title, one] as const))('%s', (_title, { interpreter, profile }) => {
  let cell: Cell | null = null;

  beforeAll(async () => {
    if (interpreter !== null)
      cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile: profile ?? null });
  });
  afterAll(() => cell?.close());

  const cases = CASES.map(({ name, ...one }) => [name, one] as const);
  it.skipIf(interpreter === null).each(cases)('%s', async (_name, { source, ...wanted }) => {
    const { status = 'ok', exitCode, signal = null, stdout, stderr, ...more } = wanted;
    if (cell === null || interpreter === null) throw new Error('not skipped');
    const result = await runSource(cell, source, { interpreter, ...more });
    expect(result.status, JSON.stringify(result, null, 1).slice(0, 3000)).toBe(status);
    expect(result.signal).toBe(signal);
    expect(result.engine).toBe(interpreter.engine);
    if (exitCode !== undefined) expect(result.exitCode).toBe(exitCode);
    if (stdout !== undefined) expect(result.stdout).toBe(stdout);
    if (typeof stderr === 'string') expect(result.stderr).toBe(stderr);
    if (stderr instanceof RegExp) expect(result.stderr).toMatch(stderr);
  });
});
