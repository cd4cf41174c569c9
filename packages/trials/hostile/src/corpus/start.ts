import { type Attack, type Behaviour, MIB } from '../behaviour.js';

const LIMITS = { cpuMs: 300, memoryBytes: 16 * MIB } as const;
const ENDED = { status: ['time-limit', 'memory-limit'], exitCode: null, stdout: '' } as const;

const SPINS = 'while True: pass\n';
const HOLDS = 'import sys\nsys.kept = []\nwhile True: sys.kept.append(bytearray(b"x" * (1 << 20)))\n';
const CALLS = 'import posix\nwhile True: posix.access("/box", 0)\n';
/** Where interpreters look for modules of their user. */
const SITES = ['pypy3.9', 'python3.11', 'python3.13'].map((name) => `.local/lib/${name}/site-packages`);

const inSites = (name: string, text: string): Record<string, string> =>
  Object.fromEntries(SITES.map((site) => [`${site}/${name}`, text]));

/** What is executed before the program, once to take CPU time, once memory, once the controller's. */
function early(name: string, more: (hog: string) => Pick<Attack, 'files' | 'env'>): Attack[] {
  return Object.entries({ spins: SPINS, holds: HOLDS, calls: CALLS }).map(([what, hog]) => ({
    name: `${name}, ${what}`,
    program: '80-says-that-it-began.py',
    expect: what === 'calls' ? { ...ENDED, status: [...ENDED.status, 'syscall-limit'] } : ENDED,
    limits: LIMITS,
    ...more(hog),
  }));
}

const NOTHING_OF_A_RUN = 'it has no modules, and is told its variables by the controller after it has begun';

/** What runs before the program begins. Numbers 80 to 84. */
export const START: readonly Behaviour[] = [
  {
    number: 80,
    title: 'code that is imported before the program',
    seccomp: [
      ...early('sitecustomize of its folder', (hog) => ({
        files: { 'sitecustomize.py': hog },
        env: { PYTHONPATH: '/box' },
      })),
      ...early('usercustomize at home', (hog) => ({ files: inSites('usercustomize.py', hog) })),
      ...early('a line of a .pth file', (hog) => ({
        files: { ...inSites('hog.pth', 'import hog\n'), ...inSites('hog.py', hog) },
        env: { PYTHONUNBUFFERED: '1' },
      })),
      ...early('a module in place of one of the library', (hog) => ({
        // The first that is imported from a file: of PyPy, and of a CPython, which has the others in itself.
        files: { 'lib/os.py': hog, 'lib/encodings/__init__.py': hog },
        env: { PYTHONPATH: 'lib' },
      })),
      ...early('the category of a warning', (hog) => ({
        files: { 'lib/hog.py': hog },
        env: { PYTHONPATH: '/box/lib', PYTHONWARNINGS: 'ignore::hog.X' },
      })),
    ],
    rpython: NOTHING_OF_A_RUN,
  },
  {
    number: 81,
    title: 'variables that make the start itself large',
    seccomp: ['400MB', '4GB'].map((nursery) => ({
      name: `a nursery of ${nursery}`,
      program: '81-fills-its-nursery.py',
      expect: { status: [...ENDED.status, 'runtime-error'], stdout: '' },
      limits: LIMITS,
      env: { PYPY_GC_NURSERY: nursery },
    })),
    rpython: NOTHING_OF_A_RUN,
  },
  {
    number: 82,
    title: 'an entry that is an option of the interpreter',
    seccomp: 'the name of the program is no part of an attack',
    rpython: 'the name of the program is no part of an attack',
    elsewhere: [
      { file: 'packages/sandbox/controller/test/start.guest.test.ts', title: 'an entry is never an option' },
    ],
  },
  {
    number: 83,
    title: 'an interpreter that the sandbox cannot be preloaded into',
    seccomp: 'an attack has the interpreter of its node',
    rpython: 'an attack has the interpreter of its node',
    elsewhere: [
      {
        file: 'packages/sandbox/controller/test/rpython-start.guest.test.ts',
        title: 'the stock interpreter is refused if it',
      },
      {
        file: 'packages/sandbox/guest/test/keeper.guest.test.ts',
        title: 'a guest is not executed if its program',
      },
    ],
  },
  {
    number: 84,
    title: 'requests beyond what a program can be started with',
    seccomp: 'it is refused before there is a guest',
    rpython: 'it is refused before there is a guest',
    elsewhere: [
      {
        file: 'packages/service/contracts/test/run-request.test.ts',
        title: 'arguments and variables are bounded in bytes',
      },
      {
        file: 'packages/service/contracts/test/run-request.test.ts',
        title: 'files that contradict each other are refused',
      },
      {
        file: 'packages/sandbox/controller/test/bounds.guest.test.ts',
        title: 'a request at the bounds of the schema ends normally',
      },
      {
        file: 'packages/sandbox/guest/test/keeper.guest.test.ts',
        title: 'the keeper survives any frame',
      },
    ],
  },
];
