import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What a program finds on descriptor 0, under `sandpiper run` and under `pypy3`. */

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8' };

const PROGRAM = `
import io, os, stat, sys
info = os.fstat(0)
print(stat.S_IFMT(info.st_mode), info.st_size, sys.stdin.seekable(), os.isatty(0))
def told(look):
    try: print(look())
    except OSError as error: print(type(error).__name__, error)
told(lambda: os.lseek(0, 0, os.SEEK_CUR))
told(lambda: os.pread(0, 4, max(0, info.st_size - 4)))
told(lambda: sys.stdin.readline(20))
told(lambda: os.lseek(0, 0, os.SEEK_END))
told(lambda: os.write(0, b"x"))
`;

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-input-'));
  writeFileSync(join(folder, 'program.py'), PROGRAM);
  writeFileSync(join(folder, 'in'), 'first\nsecond\nlast');
  writeFileSync(join(folder, 'empty'), '');
  writeFileSync(join(folder, 'sparse'), 'begins\n');
  truncateSync(join(folder, 'sparse'), 2 ** 28 + 1);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function ended(script: string, ...command: string[]) {
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, '-', ...command], {
    cwd: folder,
    encoding: 'utf8',
    env: ENVIRONMENT,
  });
  return { status, stdout, stderr };
}

const [FILE, PIPE] = [0o100000, 0o010000];

describe('the standard input of sandpiper run is what pypy3 has', () => {
  it.each([
    ['a redirected file', '"$@" program.py < in', `${FILE} 17 True False\n0\nb'last'\nfirst\n`],
    ['an empty file', '"$@" program.py < empty', `${FILE} 0 True False\n0\nb''\n\n`],
    [
      'a file of which the shell has read a line',
      '{ read -r line; "$@" program.py; } < in',
      `${FILE} 17 True False\n6\nb'last'\nsecond\n`,
    ],
    [
      'a file of /proc',
      '"$@" program.py < /proc/sys/kernel/ostype',
      `${FILE} 0 True False\n0\nb'Linu'\nLinux\n`,
    ],
    [
      'a sparse file, larger than a request may be',
      '"$@" program.py < sparse',
      `${FILE} 268435457 True False\n0\nb'\\x00\\x00\\x00\\x00'\nbegins\n`,
    ],
    ['a pipe', 'cat in | "$@" program.py', `${PIPE} 0 False False\nOSError [Errno 29] Illegal seek\n`],
  ])('%s', (_, script, begins) => {
    const bare = ended(script, 'pypy3');
    expect(bare.stdout.slice(0, begins.length)).toBe(begins);
    expect(ended(script, SANDPIPER, 'run')).toEqual(bare);
  });

  it('with --stdin', () => {
    expect(ended('"$@" program.py < /dev/null', SANDPIPER, 'run', '--stdin', 'in')).toEqual(
      ended('"$@" program.py < in', 'pypy3'),
    );
  });
});

describe('a terminal', () => {
  const driver = fileURLToPath(new URL('drive-terminal.py', import.meta.url));
  /** What the terminal shows of a program that is told a name there. */
  const shown = (...command: string[]) => {
    const steps = JSON.stringify([['name? ', 'Ann\n']]);
    const words = ['pypy3', driver, '/usr/bin/env', ...command, 'terminal.py'];
    const { status, stdout, stderr } = spawnSync('env', words, {
      cwd: folder,
      encoding: 'utf8',
      env: ENVIRONMENT,
      input: steps,
      timeout: 100_000,
    });
    return { status, stdout, stderr };
  };

  it('is one to the program, and shows its lines as they are written', () => {
    writeFileSync(
      join(folder, 'terminal.py'),
      `import os, stat, sys, termios
for stream in sys.stdin, sys.stdout, sys.stderr:
    info = os.fstat(stream.fileno())
    print(stream.isatty(), stat.S_ISCHR(info.st_mode), os.get_terminal_size(stream.fileno()))
print([flag & termios.ICANON for flag in termios.tcgetattr(0)[3:4]], sys.stdout.line_buffering)
name = input('name? ')
print('hello', name)
os._exit(3)`,
    );
    const bare = shown('pypy3');
    expect(bare).toMatchObject({ status: 3, stdout: expect.stringContaining('hello Ann') as string });
    expect(shown(SANDPIPER, 'run')).toEqual(bare);
  });

  it('is not the guest’s to change: a password that would be seen comes with a warning', () => {
    writeFileSync(join(folder, 'terminal.py'), "import getpass\nprint(len(getpass.getpass('name? ')))");
    expect(shown(SANDPIPER, 'run').stdout).toMatch(/Can not control echo on the terminal[^]*name\? Ann\s+3/);
  });
});

describe('the input of a deterministic run', () => {
  it('is the same file, recorded', () => {
    const run = [SANDPIPER, 'run', '--deterministic', '--transcript', 't.jsonl'];
    expect(ended('"$@" program.py < in', ...run)).toEqual(ended('"$@" program.py < in', 'pypy3'));
    expect(ended('"$@"', SANDPIPER, 'replay', 't.jsonl')).toMatchObject({ status: 0, stderr: '' });
  });

  it('is refused in one line where it is too large, and an endless pipe as well', () => {
    for (const script of ['"$@" program.py < sparse', 'yes | "$@" program.py'])
      expect(ended(script, SANDPIPER, 'run', '--deterministic')).toEqual({
        status: 2,
        stdout: '',
        stderr: 'sandpiper: the standard input is too large (at most 64 MiB with --deterministic)\n',
      });
  });
});
