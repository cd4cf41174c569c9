import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const command = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const driver = fileURLToPath(new URL('drive-terminal.py', import.meta.url));
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-interact-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function piped(input: string, ...options: string[]) {
  return spawnSync(process.execPath, [command, 'interact', ...options], { input, encoding: 'utf8' });
}

/**
 * A session at a pseudo-terminal. Each step is what is waited for and what is then typed; the last is only
 * waited for. Gives all that the terminal showed, and the exit code.
 */
function typed(steps: readonly (readonly [wait: string, type: string])[], ...options: string[]) {
  const result = spawnSync('pypy3', [driver, process.execPath, command, 'interact', ...options], {
    input: JSON.stringify(steps),
    encoding: 'utf8',
    env: { ...process.env, XDG_STATE_HOME: folder },
    timeout: 100_000,
  });
  return { screen: result.stdout, problems: result.stderr, code: result.status };
}

describe('a prompt without a terminal', () => {
  it('answers line by line and ends with the input', () => {
    const { stdout, status } = piped('1 + 1\nfor i in range(2):\n  print(i)\n\n');
    expect(stdout).toBe('>>>> 2\n>>>> .... .... 0\n1\n>>>> ');
    expect(status).toBe(0);
  });

  it('ends with the exit code that the program gives', () => {
    expect(piped('raise SystemExit(7)\n').status).toBe(7);
  });

  it('shows a folder of the host as /tmp, read-only, and modules to import', () => {
    writeFileSync(join(folder, 'shown.txt'), 'seen');
    writeFileSync(join(folder, 'own_module.py'), 'answer = 42\n');
    const lines = [
      'print(open("/tmp/shown.txt").read())',
      'open("/tmp/new", "w")',
      'import own_module; own_module.answer',
    ];
    const { stdout, stderr } = piped(`${lines.join('\n')}\n`, '--tmp', folder, '--lib', folder);
    expect(stdout).toContain('>>>> seen\n');
    expect(stdout).toContain('>>>> 42\n');
    expect(stderr).toContain('Read-only file system');
  });

  it.each([
    ['--tmp', '/no/such/folder', 'no such folder'],
    ['--tmp', '/etc/passwd', 'is not a folder'],
    ['--engine', 'rpython', '--engine rpython needs --pypy PATH and --lib DIR'],
  ])('refuses %s %s in one line', (option, value, message) => {
    const { stderr, status } = piped('', option, value);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });

  it('leaves nothing behind when it is terminated', async () => {
    const child = spawn(process.execPath, [command, 'interact'], { stdio: ['pipe', 'pipe', 'ignore'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    expect(await ended).toBe(130);
  });
});

describe('a prompt at a terminal', () => {
  it('edits lines, keeps a history, and ends with Ctrl-D', () => {
    const { screen, problems, code } = typed([
      ['>>>> ', '4o\u007f2\r'],
      ['42', ''],
      ['>>>> ', '\u001b[A + 1\r'],
      ['43', ''],
      ['>>>> ', '\u0004'],
    ]);
    expect(problems).toBe('');
    expect(screen).toContain('43');
    expect(code).toBe(0);
    const history = join(folder, 'sandpiper/interact_history');
    expect(readFileSync(history, 'utf8')).toBe('42\n42 + 1\n');
    expect(statSync(history).mode & 0o777).toBe(0o600);
  });

  it('interrupts a statement, a sleep and a line, and continues', () => {
    const { screen, problems, code } = typed([
      ['>>>> ', 'print("be" + "gun"); any(iter(int, 1))\r'],
      ['begun', '\u0003'],
      ['KeyboardInterrupt', ''],
      ['>>>> ', 'import time; print("be" + "gun"); time.sleep(1000)\r'],
      ['begun', '\u0003'],
      ['KeyboardInterrupt', ''],
      ['>>>> ', 'half a line\u0003'],
      ['KeyboardInterrupt', ''],
      ['>>>> ', 'print("still" + " here")\r'],
      ['still here', ''],
      ['>>>> ', '\u0004'],
    ]);
    expect(problems).toBe('');
    expect(screen).not.toContain('SyntaxError');
    expect(code).toBe(0);
  });

  it('ends when its terminal closes, even within a statement', () => {
    const hangUp = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], sys.argv[1:])
seen = b''
def wait(text):
    global seen
    while text not in seen: seen += os.read(terminal, 65536)
wait(b'>>>> ')
os.write(terminal, b'print("be" + "gun"); any(iter(int, 1))\\r')
wait(b'begun')
os.close(terminal)
print(os.WTERMSIG(os.waitpid(pid, 0)[1]))`;
    const { stdout } = spawnSync('pypy3', ['-c', hangUp, process.execPath, command, 'interact'], {
      encoding: 'utf8',
      env: { ...process.env, XDG_STATE_HOME: folder },
      timeout: 60_000,
    });
    expect(stdout).toBe('1\n'); // SIGHUP
  });

  it('escapes control characters of the output, unless --raw', () => {
    const steps = [
      ['>>>> ', 'print(chr(27) + "[31mred")\r'],
      ['[31mred', ''],
      ['>>>> ', '\u0004'],
    ] as const;
    expect(typed(steps).screen).toContain('\\x1b[31mred');
    expect(typed(steps, '--raw').screen).toContain('\u001b[31mred');
  });
});
