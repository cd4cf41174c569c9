import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const PROGRAMS = 'examples/programs';
const names = readdirSync(`${ROOT}${PROGRAMS}`)
  .filter((file) => file.endsWith('.py'))
  .map((file) => file.slice(0, -'.py'.length));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The sandbox has a UTF-8 locale and no bytecode cache; let the bare interpreter have the same. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1' };

/** Latin-1 keeps every byte, and a difference is readable. */
function run(command: string, args: readonly string[], stdin: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const fd = openSync(stdin, 'r');
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: [fd, 'pipe', 'pipe'],
      env: ENVIRONMENT,
    });
    closeSync(fd);
    const ended: Ended = { code: null, stdout: '', stderr: '' };
    child.stdout?.setEncoding('latin1').on('data', (text: string) => (ended.stdout += text));
    child.stderr?.setEncoding('latin1').on('data', (text: string) => (ended.stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ended, code }));
  });
}

describe('ordinary programs in the sandbox do byte for byte what pypy3 does', () => {
  it('at least twenty example programs exist', () => {
    expect(names.length).toBeGreaterThanOrEqual(20);
  });

  it.each(names)(
    '%s',
    async (name) => {
      const path = `${PROGRAMS}/${name}`;
      const input = existsSync(`${ROOT}${path}.in`) ? `${ROOT}${path}.in` : '/dev/null';
      const argsFile = `${ROOT}${path}.args`;
      const args = existsSync(argsFile) ? readFileSync(argsFile, 'utf8').trim().split(/\s+/) : [];
      const bare = await run('pypy3', [`${path}.py`, ...args], input);
      const sandboxed = await run('./sandpiper', ['run', `${path}.py`, ...args], input);
      expect(bare.stdout + bare.stderr).not.toBe('');
      expect(sandboxed).toEqual(bare);
    },
    60_000,
  );
});

describe('sandpiper run', () => {
  it('prints 42', async () => {
    expect(await run('./sandpiper', ['run', 'examples/hello.py'], '/dev/null')).toEqual({
      code: 0,
      stdout: '42\n',
      stderr: '',
    });
  });

  it.each<[string, string[], string, number, RegExp]>([
    ['CPU time', ['--cpu-ms', '300'], 'primes/trial_division.py', 124, /^sandpiper: time-limit: /],
    ['elapsed time', ['--wall-ms', '500'], 'primes/sleeps_forever.py', 124, /^sandpiper: wall-limit: /],
    ['memory', ['--memory-mb', '32'], 'primes/doubles_a_string.py', 137, /^sandpiper: memory-limit: /],
    ['output', ['--output-mb', '1'], 'primes/endless_output.py', 125, /^sandpiper: output-limit: /],
  ])(
    'says in one line that the limit of %s ended the run',
    async (_what, options, program, code, line) => {
      const problem = `${ROOT}examples/class/problems/primes/data/secret/4.in`;
      const ended = await run(
        './sandpiper',
        ['run', ...options, `examples/class/submissions/${program}`],
        problem,
      );
      expect(ended.stderr).toMatch(line);
      expect(ended.stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(ended.code).toBe(code);
    },
    60_000,
  );

  it('says in one line what the program asked for and the sandbox refuses', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-refused-'));
    try {
      writeFileSync(join(folder, 'shell.py'), "import os\nprint(os.system('true'))\n");
      expect(await run('./sandpiper', ['run', join(folder, 'shell.py')], '/dev/null')).toEqual({
        code: 0,
        stdout: '32512\n',
        stderr: 'sandpiper: the program tried to start a process, which the sandbox refuses\n',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);

  it('prints the result as JSON', async () => {
    const { code, stdout } = await run(
      './sandpiper',
      ['run', '--json', 'examples/programs/exit_code.py'],
      '/dev/null',
    );
    expect(code).toBe(17);
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'runtime-error',
      exitCode: 17,
      stdout: 'no newline followsgood bye\n',
    });
  });

  it.each([
    ['whose reader has gone', '| true', 'BrokenPipeError'],
    ['that the disk has no room for', '> /dev/full', 'OSError: [Errno 28] No space left on device'],
  ])('reports failed output %s to the program, as pypy3 does', async (_case, to, error) => {
    const program = 'import time\nwhile True:\n    print("x" * 1000, flush=True)\n    time.sleep(0.01)\n';
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-output-'));
    try {
      writeFileSync(join(folder, 'chatter.py'), program);
      const script = `set -o pipefail; "$@" chatter.py ${to}`;
      const ended = (command: string[]) => {
        const options = { cwd: folder, encoding: 'utf8', env: ENVIRONMENT } as const;
        const { status, stderr } = spawnSync('bash', ['--norc', '-c', script, '-', ...command], options);
        return { status, stderr };
      };
      const bare = ended(['pypy3']);
      expect(bare.stderr).toContain(error);
      expect(ended([`${ROOT}sandpiper`, 'run'])).toEqual(bare);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it.each(['--help', 'run --json examples/hello.py'])('reports that its own output is lost: %s', (words) => {
    const options = { cwd: ROOT, encoding: 'utf8', env: ENVIRONMENT } as const;
    const { status, stderr } = spawnSync('sh', ['-c', `./sandpiper ${words} > /dev/full`], options);
    expect([status, stderr]).toEqual([
      1,
      'sandpiper: the standard output: ENOSPC: no space left on device, write\n',
    ]);
  });

  it('kills the guest on Ctrl-C', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandpiper-sleeps-'));
    try {
      const program = join(folder, 'sleeps.py');
      writeFileSync(program, "import time\nprint('sleeping', flush=True)\ntime.sleep(1000)\n");
      const child = spawn('./sandpiper', ['run', program], {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      child.stdout.once('data', () => child.kill('SIGINT'));
      expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 30_000);
});

describe('sandpiper doctor', () => {
  it('checks the requirements of this host', async () => {
    const { code, stdout } = await run('./sandpiper', ['doctor', '--json'], '/dev/null');
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; required: boolean }[] };
    expect(checks.filter((check) => check.required && !check.ok)).toEqual([]);
    expect(checks.length).toBeGreaterThan(0);
    expect(code).toBe(0);
  });
});
