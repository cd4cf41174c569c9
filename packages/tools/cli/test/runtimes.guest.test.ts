import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-cli-runtimes-'));
  mkdirSync(join(folder, 'modules'));
  writeFileSync(join(folder, 'modules/greetings.py'), 'GREETING = "hello"\n');
  writeFileSync(
    join(folder, 'greet.py'),
    'import greetings, sys; print(greetings.GREETING, sys.implementation.name)\n',
  );
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function command(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(SANDPIPER, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, SANDPIPER_RUNTIMES: '', ...env },
  });
  return { code: status, stdout, stderr };
}

const describeIn = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('sandpiper run', () => {
  it('takes an interpreter by its path, and folders of modules', () => {
    const run = ['run', '--lib', 'modules'];
    expect(command([...run, 'greet.py'])).toEqual({ code: 0, stdout: 'hello pypy\n', stderr: '' });
    const cpython = command([...run, '--runtime', '/usr/bin/python3', 'greet.py']);
    expect(cpython).toEqual({ code: 0, stdout: 'hello cpython\n', stderr: '' });
  });

  it('takes a runtime by its name, of the file of the folder or the named one', () => {
    const text = 'runtimes: { py: { interpreter: /usr/bin/python3, libraries: [modules] } }';
    const file = describeIn('sandpiper.runtimes.yaml', text);
    const expected = { code: 0, stdout: 'hello cpython\n', stderr: '' };
    expect(command(['run', '--runtime', 'py', 'greet.py'])).toEqual(expected);
    rmSync(file);
    const other = describeIn('other.yaml', text);
    expect(command(['run', '--runtime', 'py', 'greet.py'], { SANDPIPER_RUNTIMES: other })).toEqual(expected);
  });

  it('names the runtimes that have a module which is missing', () => {
    const file = describeIn(
      'two.yaml',
      'runtimes: { py: { interpreter: /usr/bin/python3, libraries: [modules] } }',
    );
    const { stderr } = command(['run', 'greet.py'], { SANDPIPER_RUNTIMES: file });
    expect(stderr).toMatch(/\nsandpiper: greetings is in another runtime: use --runtime py\n$/);
    expect(command(['run', '-c', 'import nowhere'], { SANDPIPER_RUNTIMES: file }).stderr).not.toMatch(
      /another runtime/,
    );
  });

  it.each([
    [
      'a runtime that is not described',
      ['--runtime', 'none'],
      /^sandpiper: there is no runtime "none": no file describes others than default$/,
    ],
    [
      'an interpreter that is not there',
      ['--runtime', '/usr/bin/python9'],
      /^sandpiper: \/usr\/bin\/python9: no such file$/,
    ],
    ['a library that is not there', ['--lib', 'none'], /^sandpiper: .*\/none: no such folder$/],
  ])('refuses %s in one line', (_, args, line) => {
    const { code, stdout, stderr } = command(['run', ...args, 'greet.py']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trimEnd()).toMatch(line);
  });
});

describe('a transcript', () => {
  it.each([
    ['the default runtime', []],
    ['another', ['--runtime', '/usr/bin/python3']],
  ])('of %s is replayed by it', (name, by) => {
    const path = join(folder, `transcript of ${name}`);
    const source = 'import random, sys; print(sys.implementation.name, random.random())\n';
    writeFileSync(join(folder, 'draw.py'), source);
    const made = command(['run', '--deterministic', '--transcript', path, ...by, 'draw.py']);
    expect([made.code, made.stderr]).toEqual([0, '']);
    const { code, stdout, stderr } = command(['replay', path]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^the same: /);
  });

  it('cannot name folders of modules', () => {
    const args = [
      'run',
      '--deterministic',
      '--transcript',
      join(folder, 'none'),
      '--lib',
      'modules',
      'greet.py',
    ];
    const line = 'sandpiper: --lib does not go with --transcript: describe a runtime that has the folder\n';
    expect(command(args)).toEqual({ code: 2, stdout: '', stderr: line });
  });
});

describe('sandpiper runtimes', () => {
  it('lists what each is, and says what is wrong with one', () => {
    const file = describeIn(
      'list.yaml',
      'runtimes: { py: { interpreter: /usr/bin/python3 }, lost: { interpreter: /usr/bin/python9 } }',
    );
    const env = { SANDPIPER_RUNTIMES: file };
    const { code, stdout } = command(['runtimes'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/│ default +│ PyPy 3\.\d+\.\d+ +│ \/usr\/bin\/pypy3 /);
    expect(stdout).toMatch(/│ py +│ CPython 3\.\d+\.\d+ +│ \/usr\/bin\/python3 /);
    expect(stdout).toMatch(/^lost: \/usr\/bin\/python9: no such file$/m);
    const listed = JSON.parse(command(['runtimes', '--json'], env).stdout) as {
      runtimes: { name: string }[];
    };
    expect(listed.runtimes.map(({ name }) => name)).toEqual(['default', 'py', 'lost']);
  });

  it('tells a wrong file in one line', () => {
    const file = describeIn('wrong.yaml', 'runtimes: { a: {} }');
    const { code, stderr } = command(['runtimes'], { SANDPIPER_RUNTIMES: file });
    expect([code, stderr]).toEqual([2, `sandpiper: ${file}: runtimes.a.interpreter: is missing\n`]);
  });

  it('tries one', () => {
    const { code, stdout } = command(['runtimes', 'check', 'default']);
    expect(stdout).toMatch(/^ok {5}starts: PyPy 3\./);
    expect(stdout).toMatch(/This runtime is right\.\n$/);
    expect(code).toBe(0);
  });
});
