import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** `sandpiper run` where `pypy3` stood: the same words, the same output. */

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', LANG: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1' };
const SLOW_MS = 60_000;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let top: string;

/** In the folder of the tests, or one below it. */
async function run(command: string, words: readonly string[], stdin = '', below = '.'): Promise<Ended> {
  const child = spawn(command, words, { cwd: join(top, below), env: ENVIRONMENT, stdio: 'pipe' });
  child.stdin.on('error', () => undefined).end(stdin);
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]);
  return { code, stdout, stderr };
}

const bare = (words: readonly string[], stdin = '', below = '.') => run('pypy3', words, stdin, below);
const sandboxed = (words: readonly string[], stdin = '', below = '.') =>
  run(SANDPIPER, ['run', ...words], stdin, below);

function file(name: string, content: string): void {
  mkdirSync(dirname(join(top, name)), { recursive: true });
  writeFileSync(join(top, name), content);
}

const SHOW = 'import sys\nprint(sys.argv, repr(sys.path[0]), __name__, globals().get("__file__"))\n';

beforeAll(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'sandpiper-as-pypy3-')));
  file('show.py', SHOW);
  file('project/main.py', `import helper, package.part\nprint(helper.NAME, package.part.NAME)\n${SHOW}`);
  file('project/helper.py', 'NAME = "helper"\n');
  file('project/package/__init__.py', '');
  file('project/package/part.py', 'NAME = "part"\n1 if True else 0\n');
  file('project/data.txt', 'data\n');
  file('project/deep/inner.py', 'import sys\nprint(sys.path[0], open("../data.txt").read())\n');
  file('fünf/main.py', 'import hilfe\nprint(hilfe.__file__)\n');
  file('fünf/hilfe.py', '');
  file('secret.txt', 'secret\n');
});

afterAll(() => rmSync(top, { recursive: true, force: true }));

describe('a program that is no file', () => {
  it.each<[string, string[], string]>([
    ['code', ['-c', SHOW, 'a', '--b', '-c', '--'], ''],
    ['code that reads', ['-c', 'print(sum(map(int, input().split())))'], '1 2 3\n'],
    ['code without output', ['-c', ''], ''],
    ['code that fails', ['-c', 'def f():\n    1 / 0\nf()'], ''],
    ['code that exits', ['-c', 'import sys; sys.exit("no")'], ''],
    ['code that is no Python', ['-c', 'print(('], ''],
    ['standard input', ['-', 'x', '-y'], SHOW],
    ['standard input that fails', ['-'], 'def f():\n    1 / 0\nf()\n'],
    ['standard input without a line', ['-'], ''],
    ['a module of the library', ['-m', 'base64', '-t'], ''],
    ['a module with arguments', ['-m', 'json.tool', '--indent', '1'], '{"a": [1, 2]}'],
    ['a module that is missing', ['-m', 'no_such_module'], ''],
    ['a name that is none', ['-m', '../x'], ''],
  ])(
    '%s does what pypy3 does',
    async (_what, words, stdin) => {
      const expected = await bare(words, stdin);
      expect(await sandboxed(words, stdin)).toEqual(expected);
    },
    SLOW_MS,
  );

  it(
    'is held to its limits from its first line',
    async () => {
      const spin = 'while True: pass';
      const ended = {
        code: 124,
        stdout: '',
        stderr: expect.stringMatching(/^sandpiper: time-limit: /) as string,
      };
      expect(await sandboxed(['--time', '300ms', '-c', spin])).toEqual(ended);
      expect(await sandboxed(['--time', '0.3s', '-'], spin)).toEqual(ended);
      file('spins.py', spin);
      expect(await sandboxed(['--time', '300ms', '--file', 'spins.py', '-m', 'spins'])).toEqual(ended);
    },
    SLOW_MS,
  );

  it(
    'is a module that was given',
    async () => {
      const expected = await bare(['-m', 'show', 'x', '-m']);
      expect(await sandboxed(['--file', 'show.py', '-m', 'show', 'x', '-m'])).toEqual(expected);
      expect(expected.stdout).toContain(join(top, 'show.py'));
    },
    SLOW_MS,
  );

  it(
    'has the folder that is shown as its own',
    async () => {
      const inside = await bare(['-m', 'main', 'x'], '', 'project');
      expect(await sandboxed(['--folder', '.', '-m', 'main', 'x'], '', 'project')).toEqual(inside);
      expect(await sandboxed(['--folder', 'project', '-m', 'main', 'x'])).toEqual(inside);
      expect(inside.stdout).toContain('helper part');
      expect(
        await sandboxed(['--folder', 'project', '-c', 'import helper; print(helper.NAME)']),
      ).toMatchObject({
        stdout: 'helper\n',
      });
    },
    SLOW_MS,
  );
});

describe('--folder', () => {
  it.each([
    ['from its folder', '.', ['main.py', 'a'], 'project'],
    ['from above', 'project', ['project/main.py', 'a'], '.'],
    ['from below', '..', ['../main.py', 'a'], 'project/deep'],
    ['in a subfolder', '..', ['inner.py'], 'project/deep'],
    ['from elsewhere', '../../project', ['../../project/main.py'], 'fünf/x'],
    ['with a name that is not ASCII', 'fünf', ['fünf/main.py'], '.'],
    ['with a name that is not ASCII, from inside', '.', ['main.py'], 'fünf'],
  ])(
    'shows a program its modules and files, %s',
    async (_case, folder, words, below) => {
      mkdirSync(join(top, below), { recursive: true });
      const expected = await bare(words, '', below);
      expect(expected.code).toBe(0);
      expect(await sandboxed(['--folder', folder, ...words], '', below)).toEqual(expected);
    },
    SLOW_MS,
  );

  it(
    'is read-only, while the working folder can be written to',
    async () => {
      file(
        'project/writes.py',
        [
          'import os, sys',
          'def attempt(what, *args, **more):',
          '    try: print(what(*args, **more) and "done")',
          '    except OSError as error: print(type(error).__name__, error.errno)',
          'here = os.path.dirname(os.path.abspath(__file__))',
          'for name in "helper.py", "package/part.py", "package/new":',
          '    attempt(open, os.path.join(here, name), "w")',
          'attempt(os.remove, os.path.join(here, "helper.py"))',
          'attempt(os.rename, os.path.join(here, "helper.py"), os.path.join(here, "moved.py"))',
          'attempt(os.symlink, "x", os.path.join(here, "package", "link"))',
          'with open("made", "w") as made: made.write("x" * 5000)',
          'print(os.path.getsize("made"), "helper.py" in os.listdir(here))',
          '',
        ].join('\n'),
      );
      const inside = await sandboxed(['--folder', '.', 'writes.py'], '', 'project');
      expect(inside).toMatchObject({ code: 0, stderr: '' });
      expect(inside.stdout).toBe(
        `${['OSError 30', 'OSError 30', 'OSError 30', 'OSError 16', 'OSError 16', 'OSError 30'].join('\n')}\n5000 True\n`,
      );
      const outside = await sandboxed(['--folder', 'project', 'project/writes.py']);
      expect(outside.stdout).toBe(`${'OSError 30\n'.repeat(6)}5000 True\n`);
      expect(await run('ls', ['project'])).not.toMatchObject({
        stdout: expect.stringContaining('made') as string,
      });
    },
    SLOW_MS,
  );

  it(
    'follows links within it and none that lead out',
    async () => {
      symlinkSync('helper.py', join(top, 'project/inside.py'));
      symlinkSync('../secret.txt', join(top, 'project/outside'));
      symlinkSync(join(top, 'secret.txt'), join(top, 'project/absolute'));
      symlinkSync('/etc', join(top, 'project/system'));
      file(
        'project/links.py',
        [
          'import inside',
          'print(inside.NAME)',
          'for name in "outside", "absolute", "system/shadow", "system/hostname":',
          '    try: print(open(name).read())',
          '    except OSError as error: print(error)',
          '',
        ].join('\n'),
      );
      const { stdout } = await sandboxed(['--folder', '.', 'links.py'], '', 'project');
      expect(stdout.split('\n').slice(0, 4)).toEqual([
        'helper',
        "[Errno 2] No such file or directory: 'outside'",
        "[Errno 2] No such file or directory: 'absolute'",
        "[Errno 2] No such file or directory: 'system/shadow'",
      ]);
      expect(stdout).not.toContain('secret\n');
    },
    SLOW_MS,
  );

  it(
    'may be named by a link',
    async () => {
      symlinkSync('project', join(top, 'by-link'));
      const expected = await bare(['by-link/main.py', 'a']);
      expect(await sandboxed(['--folder', 'by-link', 'by-link/main.py', 'a'])).toEqual(expected);
    },
    SLOW_MS,
  );

  it(
    'lets a file that nobody may read fail as a file',
    async () => {
      file('closed/main.py', 'try: open("closed/locked")\nexcept OSError as error: print(error)\n');
      file('closed/locked', '');
      chmodSync(join(top, 'closed/locked'), 0);
      expect(await sandboxed(['--folder', 'closed', 'closed/main.py'])).toEqual({
        code: 0,
        stdout: "[Errno 13] Permission denied: 'closed/locked'\n",
        stderr: '',
      });
    },
    SLOW_MS,
  );

  it(
    'may change while the program runs',
    async () => {
      file(
        'moving/main.py',
        'import time\nprint("ready", flush=True)\ninput()\nprint(open("moving/data").read())\n',
      );
      file('moving/data', 'before');
      const child = spawn(SANDPIPER, ['run', '--folder', 'moving', 'moving/main.py'], {
        cwd: top,
        env: ENVIRONMENT,
      });
      const ended = Promise.all([text(child.stderr), new Promise((resolve) => child.on('close', resolve))]);
      await new Promise((resolve) => child.stdout.once('data', resolve));
      rmSync(join(top, 'moving/data'));
      child.stdin.end('\n');
      const [stderr, code] = await ended;
      expect(code).toBe(1);
      // It depends on whether the program has listed the folder before.
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
        /^(FileNotFoundError: \[Errno 2\]|OSError: \[Errno 5\])/,
      );
    },
    SLOW_MS,
  );
});

describe('--file', () => {
  it(
    'puts a file beside the program, and where the program finds it by its name',
    async () => {
      file('sib/prog.py', 'import helper\nprint(helper.NAME, helper.__file__, open("data.txt").read())\n');
      const words = ['--file', 'project/helper.py', '--file', 'data.txt=project/data.txt', 'sib/prog.py'];
      expect(await sandboxed(words)).toEqual({
        code: 0,
        stdout: `helper ${join(top, 'sib/helper.py')} data\n\n`,
        stderr: '',
      });
    },
    SLOW_MS,
  );

  it(
    'replaces a file of the folder that is shown',
    async () => {
      file('other.py', 'NAME = "other"\n');
      const words = ['--folder', 'project', '--file', 'helper.py=other.py', 'project/main.py'];
      expect((await sandboxed(words)).stdout).toMatch(/^other part\n/);
    },
    SLOW_MS,
  );
});

describe('a module that lies beside the program but was not given', () => {
  const explained = async (words: string[], below = '.') => {
    const { code, stderr } = await sandboxed(words, '', below);
    const lines = stderr.trimEnd().split('\n');
    return { code, error: lines.at(-2), line: lines.at(-1) };
  };

  it.each([
    [['project/main.py'], '.', 'helper', '--folder project or --file project/helper.py'],
    [['main.py'], 'project', 'helper', '--folder . or --file helper.py'],
    [['-c', 'import helper'], 'project', 'helper', '--folder . or --file helper.py'],
    [['fünf/main.py'], '.', 'hilfe', "--folder 'fünf' or --file 'fünf/hilfe.py'"],
  ])(
    '%j in %s is explained',
    async (words, below, name, how) => {
      expect(await explained(words, below)).toEqual({
        code: 1,
        error: `ModuleNotFoundError: No module named '${name}'`,
        line: `sandpiper: ${name}.py lies beside the program but was not given: use ${how}`,
      });
    },
    SLOW_MS,
  );

  it(
    'is explained where it is a package, and with -m',
    async () => {
      expect(await explained(['-c', 'import package.part'], 'project')).toMatchObject({
        line: 'sandpiper: package/ lies beside the program but was not given: use --folder .',
      });
      expect(await explained(['-m', 'helper'], 'project')).toMatchObject({
        line: 'sandpiper: helper.py lies beside the program but was not given: use --folder . or --file helper.py',
      });
    },
    SLOW_MS,
  );

  it(
    'is explained beside the result as JSON',
    async () => {
      const { stdout, stderr } = await sandboxed(['--json', 'project/main.py']);
      expect(JSON.parse(stdout)).toMatchObject({ status: 'runtime-error' });
      expect(stderr).toMatch(/^sandpiper: helper\.py lies beside the program .*\n$/);
    },
    SLOW_MS,
  );

  it.each([
    ['that is nowhere', 'import nowhere_at_all'],
    ['whose name leads elsewhere', 'raise ModuleNotFoundError("No module named \'../secret\'")'],
    ['that was caught', 'try: import helper\nexcept ImportError: pass'],
  ])(
    'is not invented for one %s',
    async (_case, code) => {
      const { stderr } = await sandboxed(['-c', code], '', 'project');
      expect(stderr).not.toContain('sandpiper:');
    },
    SLOW_MS,
  );
});

describe('open files', () => {
  it(
    'are as many as on Debian: files that only the collector closes are no error',
    async () => {
      file('opens.py', 'files = [open(__file__) for _ in range(1000)]\nprint(len(files))\n');
      expect(await sandboxed(['opens.py'])).toEqual({ code: 0, stdout: '1000\n', stderr: '' });
      expect((await sandboxed(['--open-files', '256', 'opens.py'])).stderr).toContain('Too many open files');
    },
    SLOW_MS,
  );
});
