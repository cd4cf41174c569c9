import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

/**
 * `sandpiper run --engine rpython` and `sandpiper doctor` with the C program that stands for a translated
 * PyPy; its programs are its commands.
 */

const top = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const PYPY = top('packages/sandbox/guest/native/build/translated-guest');

const folder = mkdtempSync(join(tmpdir(), 'sandpiper-cli-rpython-'));
const library = join(folder, 'library');
mkdirSync(join(library, 'lib-python/3'), { recursive: true });
mkdirSync(join(library, 'lib_pypy'));
writeFileSync(join(folder, 'text'), 'no program\n', { mode: 0o755 });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function command(args: readonly string[], input = '') {
  const options = { cwd: folder, input, encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr } = spawnSync(top('sandpiper'), args, options);
  return { code: status, stdout, stderr };
}

function sandpiper(args: readonly string[], program: string, input = '') {
  writeFileSync(join(folder, 'program'), `${program}\n`);
  return command(['run', ...args], input);
}

const ENGINE = ['--engine', 'rpython', '--pypy', PYPY, '--lib', library];

describe('sandpiper run --engine rpython', () => {
  it('passes arguments, variables and input to the program, and returns its output and exit code', () => {
    expect(
      sandpiper(
        [...ENGINE, '--env', 'NAME=value', 'program', 'a', '--json'],
        'argv\ngetenv NAME\nstdin\nerror oh\nexit 3',
        'typed\n',
      ),
    ).toEqual({ code: 3, stdout: '/lib/pypy\nprogram\na\n--json\nvalue\ntyped\n', stderr: 'oh\n' });
  });

  it('resolves paths against the current folder', () => {
    const args = ['--engine', 'rpython', '--pypy', PYPY, '--lib', 'library', 'program'];
    expect(sandpiper(args, 'list /lib')).toEqual({
      code: 0,
      stdout: 'pypy\nlib-python\nlib_pypy\n',
      stderr: '',
    });
  });

  it("ends like an abort, with the interpreter's message", () => {
    expect(sandpiper([...ENGINE, 'program'], 'abort Fatal RPython error')).toEqual({
      code: 134,
      stdout: '',
      stderr: 'Fatal RPython error\n',
    });
  });

  it('holds the limits', () => {
    const ended = sandpiper([...ENGINE, '--cpu-ms', '300', 'program'], 'spin');
    expect(ended).toMatchObject({
      code: 124,
      stderr: expect.stringMatching(/^sandpiper: time-limit: .*\n$/),
    });
  });

  it('prints the result as JSON', () => {
    const { code, stdout } = sandpiper([...ENGINE, '--json', 'program'], 'print 42\nraw bogus(i)i 1');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'ok',
      engine: 'rpython',
      stdout: '42\n-1 ENOSYS\n',
      deniedCalls: { 'bogus(i)i': 1 },
    });
  });

  it.each<[string, string[], RegExp]>([
    [
      'no binary',
      ['--engine', 'rpython', '--lib', library],
      /--engine rpython needs --pypy PATH and --lib DIR/,
    ],
    [
      'no library',
      ['--engine', 'rpython', '--pypy', PYPY],
      /--engine rpython needs --pypy PATH and --lib DIR/,
    ],
    ['a binary for the other engine', ['--pypy', PYPY], /--pypy needs --engine rpython/],
    ['a runtime of the other engine', [...ENGINE, '--runtime', 'default'], /--runtime does not go with/],
    ['a binary that is not there', [...ENGINE, '--pypy', 'none'], /\/none: no such file$/],
    [
      'a binary that is a text',
      [...ENGINE, '--pypy', 'text'],
      /\/text: is not a program for Linux on x86-64$/,
    ],
    [
      'a binary that is no PyPy',
      [...ENGINE, '--pypy', '/bin/true'],
      /\/bin\/true: it does not answer RPY_SANDBOX_DUMP/,
    ],
    ['a library that is not there', [...ENGINE, '--lib', 'none'], /\/none: no such folder$/],
    [
      'a library that is none',
      [...ENGINE, '--lib', '.'],
      /: is not the library of a PyPy: it has no folder lib-python/,
    ],
  ])('ends with exit code 2 and one line for %s', (_what, options, line) => {
    const { code, stdout, stderr } = sandpiper([...options, 'program'], 'print never');
    expect(stderr).toMatch(/^sandpiper: [^\n]+\n$/);
    expect(stderr.trimEnd()).toMatch(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

describe('sandpiper doctor', () => {
  it('checks a translated interpreter', () => {
    const { code, stdout } = command(['doctor', '--pypy', PYPY, '--lib', library]);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^ok +self-test .*filter of a translated guest, /m),
    ]);
  });

  it('reports why a translated interpreter cannot run', () => {
    const { code, stdout } = command(['doctor', '--pypy', 'text', '--lib', library]);
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(
        /^MISSING +self-test +translated interpreter: .*text: is not a program for Linux/m,
      ),
    ]);
  });

  it('needs both parts of a translation', () => {
    const wrong = { code: 2, stdout: '', stderr: 'sandpiper: --pypy and --lib go together\n' };
    expect(command(['doctor', '--pypy', PYPY])).toEqual(wrong);
    expect(command(['doctor', '--lib', library])).toEqual(wrong);
  });
});
