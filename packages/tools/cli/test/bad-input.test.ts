import { execFile } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runCommandLine } from '../src/command-line.js';

const COMMAND = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));

/** A process takes a second, and on a busy host many. */
const SPAWN_MS = 60_000;

interface Ended {
  code: number | string | null | undefined;
  stdout: string;
  stderr: string;
}

let folder: string;

/** In a process of its own. */
function spawned(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(COMMAND, args, { cwd: folder, timeout: SPAWN_MS }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

/** In this process, which is in the folder. */
async function sandpiper(...args: string[]): Promise<Ended> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[stream] += String(text);
      return true;
    }),
  );
  try {
    return { code: await runCommandLine(args, '0.0.0'), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const before = process.cwd();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bad-input-'));
  const problem = async (name: string, files: Record<string, string>): Promise<void> => {
    await mkdir(join(folder, name, 'data', 'secret'), { recursive: true });
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, name, file), text);
  };
  await problem('good', { 'problem.yaml': 'name: x', 'data/secret/1.in': '', 'data/secret/1.ans': '' });
  await problem('no-data', { 'problem.yaml': 'name: x' });
  await problem('no-input', { 'problem.yaml': 'name: x', 'data/secret/1.ans': '' });
  await problem('interactive', { 'problem.yaml': 'validation: custom interactive' });
  await problem('future', { 'problem.yaml': 'problem_format_version: 2031-01' });
  await problem('bad-yaml', { 'problem.yaml': 'name: x\nlimits: {time_limit: soon}' });
  await mkdir(join(folder, 'a-folder'));
  await mkdir(join(folder, 'crowd'));
  // Links are made faster than files, and count as much.
  for (let i = 0; i <= 50_000; i++) symlinkSync('x', join(folder, 'crowd', String(i)));
  await symlink('nowhere', join(folder, 'dangling'));
  await symlink('loop', join(folder, 'loop'));
  await symlink('/usr', join(folder, 'to-system'));
  await writeFile(join(folder, 'ok.py'), 'print(1)\n');
  await writeFile(join(folder, 'huge.py'), '');
  await truncate(join(folder, 'huge.py'), 100 * 2 ** 20);
  process.chdir(folder);
});
afterAll(async () => {
  process.chdir(before);
  await rm(folder, { recursive: true, force: true });
});

/** Command lines, and how the message begins. */
const CASES: readonly (readonly [words: readonly string[], message: string])[] = [
  [['run'], "missing required argument 'program'"],
  [['run', 'none.py'], 'none.py: no such file'],
  [['run', 'a-folder'], 'a-folder: is a folder, not a file'],
  [['run', 'huge.py'], 'huge.py: is too large (100 MiB, at most 8 MiB)'],
  [['run', '--cpu-ms', '0', 'ok.py'], '--cpu-ms needs a whole number from 1'],
  [['run', '--memory-mb', 'abc', 'ok.py'], '--memory-mb needs a whole number'],
  [['run', '--engine', 'wasm', 'ok.py'], '--engine: unknown engine "wasm"'],
  [['run', '--stdin', 'none.txt', 'ok.py'], '--stdin: none.txt: no such file'],
  [['run', '--stdin', 'a-folder', 'ok.py'], '--stdin: a-folder: is a folder'],
  [
    ['run', '--deterministic', '--stdin', 'huge.py', 'ok.py'],
    'the standard input is too large (at most 64 MiB with --deterministic)',
  ],
  [['run', '--file', '../x=ok.py', 'ok.py'], '--file "../x": must be a relative or absolute path'],
  [['run', '--file', 'x=none', 'ok.py'], 'none: no such file'],
  [['run', '--trace', 'none/t', 'ok.py'], '--trace: none: no such folder'],
  [['run', '--cpu', '4000', 'ok.py'], '--cpu 4000: this process may use the processors'],
  [['run', '--no-such', 'ok.py'], "unknown option '--no-such'"],
  [['run', '-c'], "option '-c <code>' argument missing"],
  [['run', '-c', 'print(1)\0'], '-c: the code must not hold a NUL'],
  [['run', '-c', 'x'.repeat(131_072)], '-c: the code takes more than 131071 bytes; use a file'],
  [['run', '-m', 'a\0b'], '-m: the name must not hold a NUL'],
  [
    ['run', '--server', 'http://127.0.0.1:9', '-c', 'x'],
    '-c does not go with --server: a service runs files',
  ],
  [
    ['run', '--server', 'http://127.0.0.1:9', '-m', 'x'],
    '-m does not go with --server: a service runs files',
  ],
  [['run', '--server', 'http://127.0.0.1:9', '-'], 'a program from standard input does not go with --server'],
  [['run', '--deterministic', '--transcript', 't', '-c', 'x'], '-c does not go with --transcript'],
  [['run', '--engine', 'rpython', '-m', 'x'], '-m does not go with --engine rpython'],
  [['run', '--folder', 'none', 'ok.py'], '--folder "none": no such folder'],
  [['run', '--folder', 'dangling', 'ok.py'], '--folder "dangling": no such folder'],
  [['run', '--folder', 'loop', 'ok.py'], '--folder "loop": cannot be read (ELOOP)'],
  [['run', '--folder', 'ok.py', 'ok.py'], '--folder "ok.py": is not a folder'],
  [['run', '--folder', '/', 'ok.py'], '--folder "/": is a system folder'],
  [['run', '--folder', '/usr/share', 'ok.py'], '--folder "/usr/share": is a system folder'],
  [['run', '--folder', 'to-system', 'ok.py'], '--folder "to-system": is a system folder'],
  [
    ['run', '--folder', 'crowd', 'ok.py'],
    '--folder "crowd": holds more than 50000 files; show a smaller folder',
  ],
  [['run', '--folder', '\u001b[2J', 'ok.py'], '--folder "\\x1b[2J": no such folder'],
  [
    ['run', '--deterministic', '--transcript', 't', '--folder', '.', 'ok.py'],
    '--folder does not go with --transcript',
  ],
  [['run', '--file', 'ok.py', 'ok.py'], '--file "ok.py": has the same name as the program'],
  [['run', '--memory', 'lots', 'ok.py'], '--memory needs a size from 8m to 64g'],
  [['run', '--memory', '1g', '--memory-mb', '64', 'ok.py'], '--memory and --memory-mb set the same limit'],
  [['walk'], "unknown command 'walk'"],
  [['grade', 'good'], 'good: name at least one submission'],
  [['grade', 'none', 'ok.py'], 'none: no such problem folder'],
  [['grade', 'ok.py', 'ok.py'], 'ok.py: is not a folder'],
  [['grade', 'no-data', 'ok.py'], 'no-data: the problem has no test data'],
  [['grade', 'no-input', 'ok.py'], 'no-input/data/secret/1.ans: has no input file 1.in'],
  [['grade', 'bad-yaml', 'ok.py'], 'bad-yaml/problem.yaml: limits.time_limit: '],
  [
    ['grade', 'interactive', 'ok.py'],
    'interactive/problem.yaml: validation: custom: and there is no output validator',
  ],
  [['grade', 'future', 'ok.py'], 'future/problem.yaml: problem_format_version: "2031-01" is not known'],
  [['grade', 'good', 'none.py'], 'none.py: no such submission'],
  [['grade', 'good', 'ok.py', '--json', 'none/out.json'], '--json: none: no such folder'],
  [['grade', 'good', 'ok.py', '--gradescope', 'ok.py'], '--gradescope: ok.py: is not a folder'],
  [['grade', 'good', 'ok.py', '--save-outputs', '-'], '--save-outputs: needs a folder, not "-"'],
  [
    ['grade', 'good', 'ok.py', '--json', '-', '--csv', '-'],
    '--json - and --csv -: only one report can go to stdout',
  ],
  [
    ['grade', 'good', 'ok.py', '--secret-visibility', 'hidden'],
    '--secret-visibility is for --gradescope DIR',
  ],
  [['grade', 'good', 'ok.py', '--resume', 'none.json'], 'none.json: no such file'],
  [['grade', 'good', 'ok.py', '--resume', 'ok.py'], 'ok.py: is not JSON'],
  [['grade', 'good', 'ok.py', '--tests', 'secret/9'], '--tests "secret/9": matches none'],
  [['grade', 'good', 'ok.py', '--submissions', 'a\u001b*'], '--submissions "a\\u001b*": matches none'],
  [['grade', 'good', 'ok.py', '--server', 'nowhere'], '--server needs an address'],
  [['up', '--nodes', '0'], '--nodes needs a whole number from 1'],
  [['up', '--port', 'abc'], '--port needs a whole number'],
];

/** Those that a real process is given too: one of each command, of the options and of the files. */
const SPAWNED = new Set([
  '["run","none.py"]',
  '["walk"]',
  '["grade","none","ok.py"]',
  '["up","--nodes","0"]',
]);

function expectRefusal({ code, stdout, stderr }: Ended, message: string): void {
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(stderr).toContain(`sandpiper: ${message}`);
  expect(stdout).toBe('');
  expect(code).toBe(2);
}

describe('bad input ends with exit code 2 and one line that names the thing', () => {
  it.each(CASES)('%j', async (words, message) => {
    expectRefusal(await sandpiper(...words), message);
  });

  it.each(CASES.filter(([words]) => SPAWNED.has(JSON.stringify(words))))(
    '%j, in a process of its own',
    async (words, message) => {
      expectRefusal(await spawned(...words), message);
    },
    SPAWN_MS,
  );
});

describe('the command', () => {
  it(
    'prints its version',
    async () => {
      expect((await spawned('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    },
    SPAWN_MS,
  );

  it.each(['run', 'up', 'grade', 'doctor'])('prints the help of %s', async (command) => {
    const { code, stdout } = await sandpiper(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`sandpiper ${command}`);
    expect(stdout).toContain('Examples:');
  });

  it(
    'reports an unreachable server in one line',
    async () => {
      const { code, stderr } = await spawned('grade', 'good', 'ok.py', '--server', 'http://127.0.0.1:9');
      expect(stderr).toContain('127.0.0.1:9');
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^sandpiper: /);
      expect(stderr).not.toContain('    at ');
      expect(code).toBe(1);
    },
    SPAWN_MS,
  );
});
