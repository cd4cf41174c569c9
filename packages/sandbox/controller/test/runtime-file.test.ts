import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_RUNTIME } from '@sandpiper/controller';
import { assertRuntime, readRuntimes, runtimeOfPath, withLibraries } from '@sandpiper/controller/runtimes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-runtimes-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(text: string) {
  const file = join(folder, 'runtimes.yaml');
  writeFileSync(file, text);
  return readRuntimes(file);
}

describe('a file of runtimes', () => {
  it('describes them beside the default one', () => {
    const runtimes = read(`
runtimes:
  python3:
    interpreter: /usr/bin/python3
    libraries: [libs, /srv/libs]
    profile: [json, os.path]
    environment: { MODE: fast, OMP_NUM_THREADS: "2" }
  trixie: { root: roots/trixie, interpreter: /usr/bin/pypy3 }
`);
    expect(runtimes.map(({ name }) => name)).toEqual(['default', 'python3', 'trixie']);
    expect(runtimes[1]).toMatchObject({
      place: { root: null, program: '/usr/bin/python3', libraries: [join(folder, 'libs'), '/srv/libs'] },
      profile: ['json', 'os.path'],
      env: { MODE: 'fast', OMP_NUM_THREADS: '2', OPENBLAS_NUM_THREADS: '1' },
    });
    expect(runtimes[2]?.place.root).toBe(join(folder, 'roots/trixie'));
  });

  it('may replace the default one', () => {
    const [first, ...more] = read('runtimes: { default: { interpreter: /usr/bin/python3 } }');
    expect(first).toMatchObject({ name: 'default', place: { program: '/usr/bin/python3' } });
    expect(more).toEqual([]);
  });

  it.each([
    ['no YAML', 'runtimes: [', /runtimes.yaml:1: not YAML: /],
    ['nothing', '', /: is missing$/],
    [
      'two of one name',
      'runtimes:\n  a: { interpreter: /a }\n  a: { interpreter: /b }',
      /:3: not YAML: .*unique/,
    ],
    ['a name that leads elsewhere', 'runtimes: { ../x: { interpreter: /a } }', /\.\.\/x: must be 1 to 63 of/],
    ['an unknown key', 'runtimes: { a: { interpreter: /a, path: 1 } }', /: runtimes\.a: unknown key "path"$/],
    ['no interpreter', 'runtimes: { a: {} }', /: runtimes\.a\.interpreter: is missing$/],
    [
      'a relative interpreter',
      'runtimes: { a: { interpreter: bin/x } }',
      /a\.interpreter: must be an absolute path$/,
    ],
    [
      'a profile that is code',
      'runtimes: { a: { interpreter: /a, profile: ["os; 1"] } }',
      /must be the name of a module$/,
    ],
    [
      'a variable that is none',
      'runtimes: { a: { interpreter: /a, environment: { "A=B": c } } }',
      /name of a variable$/,
    ],
    [
      'a laughing one',
      `a: &a [${'1,'.repeat(9)}1]\nb: &b [${'*a,'.repeat(200)}*a]\nruntimes: {}`,
      /alias|unknown key/i,
    ],
  ])('that has %s is refused in one line', (_, text, message) => {
    expect(() => read(text)).toThrow(message);
    try {
      read(text);
    } catch (error) {
      expect((error as Error).message).not.toContain('\n');
    }
  });

  it('that is not there is refused, where it was named', () => {
    expect(() => readRuntimes(join(folder, 'none.yaml'))).toThrow(/none\.yaml: cannot be read: ENOENT/);
  });
});

describe('a runtime', () => {
  const place = (more: object) => ({ ...DEFAULT_RUNTIME, place: { ...DEFAULT_RUNTIME.place, ...more } });
  const made = (name: string, make: (path: string) => void): string => {
    const path = join(folder, name);
    make(path);
    return path;
  };

  it('of the host is right', () => {
    expect(() => assertRuntime(DEFAULT_RUNTIME)).not.toThrow();
    expect(() => assertRuntime(runtimeOfPath('/usr/bin/python3'))).not.toThrow();
  });

  it.each([
    [
      'an interpreter that is not there',
      () => place({ program: '/usr/bin/python9' }),
      /python9: no such file$/,
    ],
    ['a folder as interpreter', () => place({ program: '/usr/lib' }), /its standard library is not found/],
    [
      'an interpreter without a library',
      () => place({ program: '/bin/true' }),
      /standard library is not found/,
    ],
    ['a root that is not there', () => place({ root: join(folder, 'none') }), /\/none: no such folder$/],
    [
      'a root that is a file',
      () => place({ root: made('file', (path) => writeFileSync(path, '')) }),
      /\/file: is no folder$/,
    ],
    [
      'a root that holds nothing',
      () => place({ root: made('empty', (path) => mkdirSync(path, { recursive: true })) }),
      /empty\/usr: no such file/,
    ],
    [
      'a root whose links lead in circles',
      () =>
        place({
          root: made('circle', (path) => {
            mkdirSync(path, { recursive: true });
            symlinkSync('/usr', join(path, 'usr'));
          }),
        }),
      /circle\/usr\/bin\/pypy3: too many links$/,
    ],
    [
      'a library that is not there',
      () => withLibraries(DEFAULT_RUNTIME, ['/nowhere']),
      /\/nowhere: no such folder$/,
    ],
    [
      'a library that is a file',
      () => withLibraries(DEFAULT_RUNTIME, ['/etc/hostname']),
      /hostname: is no folder$/,
    ],
    [
      'a library that others may write to',
      () =>
        withLibraries(DEFAULT_RUNTIME, [
          made('open', (path) => {
            mkdirSync(path);
            chmodSync(path, 0o777);
          }),
        ]),
      /\/open: every user of this host may write to it/,
    ],
  ])('with %s is refused in one line', (_, make, message) => {
    const runtime = make();
    expect(() => assertRuntime(runtime)).toThrow(message);
  });

  it('of a root starts by the loader of that root alone', () => {
    const root = made('static', (path) => {
      mkdirSync(join(path, 'usr/bin'), { recursive: true });
      mkdirSync(join(path, 'usr/lib/pypy3'), { recursive: true });
      writeFileSync(join(path, 'usr/lib/pypy3/os.py'), '');
      writeFileSync(join(path, 'usr/bin/pypy3'), '#!/bin/sh\n', { mode: 0o755 });
    });
    expect(() => assertRuntime(place({ root }))).toThrow(/pypy3: is not a program for Linux on x86-64$/);
  });
});
