import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { NodeView } from '@sandpiper/contracts';
import type { GradingReport } from '@sandpiper/grading';

/** The commands that work with a running service, against one that `sandpiper up` has started. */

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));

interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
let env: NodeJS.ProcessEnv;
let service: ChildProcess;
const started: ChildProcess[] = [];

const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-map-'));
  // Others could reach it, so it asks for keys.
  env = { ...process.env, XDG_STATE_HOME: folder };
  service = spawn(SANDPIPER, ['up', '--port', '0', '--host', '0.0.0.0'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(service.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  expect(String(said)).toContain('keys create');
});

afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
});

afterAll(async () => {
  const ended = once(service, 'exit');
  service.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
  expect(existsSync(path('sandpiper/service.json'))).toBe(false);
  rmSync(folder, { recursive: true, force: true });
});

function start(args: readonly string[], more: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(SANDPIPER, args, { env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  return child;
}

async function outputOf(child: ChildProcess): Promise<Output> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

const sandpiper = (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Output> =>
  outputOf(start(args, more));

/** The service on this host, and a key for it. */
async function known(): Promise<NodeJS.ProcessEnv> {
  const { url } = JSON.parse(readFileSync(path('sandpiper/service.json'), 'utf8')) as { url: string };
  const { stdout, code } = await sandpiper(['keys', 'create', 'blue']);
  expect(code).toBe(0);
  return { SANDPIPER_SERVER: url, SANDPIPER_API_KEY: stdout.trim() };
}

const inputs = (count: number): string => Array.from({ length: count }, (_, i) => `${i}\n`).join('');

const parsed = (lines: string): { index: number; status: string; stdout: string }[] =>
  lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { index: number; status: string; stdout: string });

describe('grade', () => {
  it('accepts a program that asks for the size of its input', async () => {
    const to = await known();
    mkdirSync(path('sum/data/secret'), { recursive: true });
    writeFileSync(path('sum/problem.yaml'), 'name: Sum\n');
    for (const [name, input, answer] of [
      ['1', '3\n1 2 3\n', '6\n'],
      ['2', '1\n42\n', '42\n'],
    ] as const) {
      writeFileSync(path(`sum/data/secret/${name}.in`), input);
      writeFileSync(path(`sum/data/secret/${name}.ans`), answer);
    }
    writeFileSync(
      path('sum.py'),
      'import io, os\nread = io.BytesIO(os.read(0, os.fstat(0).st_size)).readline\nn = int(read())\nprint(sum(map(int, read().split())))\n',
    );
    const report = path('report.json');
    const { code, stderr } = await sandpiper(['grade', path('sum'), path('sum.py'), '--json', report], to);
    const { problems } = JSON.parse(readFileSync(report, 'utf8')) as GradingReport;
    expect(problems.flatMap(({ submissions }) => submissions.map(({ verdict }) => verdict))).toEqual(['AC']);
    expect([code, stderr.includes('RTE')]).toEqual([0, false]);
  });
});

describe('map', () => {
  it('runs the program over every line, in order, and prints a summary', async () => {
    const to = await known();
    writeFileSync(path('double.py'), 'n = int(input())\nassert n != 7, "seven"\nprint(2 * n)\n');
    writeFileSync(path('in'), inputs(250));
    const { code, stdout, stderr } = await sandpiper(['map', path('double.py'), path('in')], to);
    const lines = parsed(stdout);
    expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: 250 }, (_, i) => i));
    expect(lines[249]).toMatchObject({ status: 'ok', exitCode: 0, stdout: '498\n', stderr: '' });
    expect(lines[7]).toMatchObject({ status: 'runtime-error', exitCode: 1 });
    expect(stderr).toMatch(/250 runs in .* s: 249 ok, 1 runtime-error\n$/);
    expect(code).toBe(1);
  });

  it('gives each program its line as a file', async () => {
    const to = await known();
    writeFileSync(
      path('fast.py'),
      'import io, os\nline = io.BytesIO(os.read(0, os.fstat(0).st_size)).readline\nprint(sum(map(int, line().split())))\n',
    );
    writeFileSync(path('in'), '1 2 3\n40 2\n');
    const { code, stdout } = await sandpiper(['map', path('fast.py'), path('in')], to);
    expect(parsed(stdout).map((line) => line.stdout)).toEqual(['6\n', '42\n']);
    expect(code).toBe(0);
  });

  it('does what the README shows', async () => {
    const of = (name: string): string =>
      fileURLToPath(new URL(`../../../../examples/map/${name}`, import.meta.url));
    const { code, stdout } = await sandpiper(['map', of('square.py'), of('numbers.jsonl')], await known());
    expect(parsed(stdout).map((line) => line.stdout)).toEqual(['1\n', '4\n', '9\n', '144\n']);
    expect(code).toBe(0);
  });

  it('resumes after Ctrl-C where its file ends, and leaves nothing running', async () => {
    const to = await known();
    writeFileSync(path('slow.py'), 'import time\ntime.sleep(0.05)\nprint(input())\n');
    writeFileSync(path('in'), inputs(300));
    const args = ['map', path('slow.py'), path('in'), '--out', path('out')];
    const child = start(args, to);
    const stopped = outputOf(child);
    await vi.waitFor(() => expect(readFileSync(path('out'), 'utf8')).toContain('"index":20'), {
      timeout: 60_000,
      interval: 20,
    });
    child.kill('SIGINT');
    const { code, stderr } = await stopped;
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /stopped with \d+ of 300 outputs written; resume with: sandpiper map --out .* --resume\n$/,
    );
    await vi.waitFor(
      async () => {
        const { stdout } = await sandpiper(['nodes', '--json']);
        const cells = (JSON.parse(stdout) as NodeView[]).flatMap((node) => node.cells);
        expect(cells.every(({ run }) => run === null)).toBe(true);
      },
      { timeout: 60_000, interval: 200 },
    );

    const cut = readFileSync(path('out'), 'utf8');
    writeFileSync(path('out'), `${cut}{"index":`);
    expect((await sandpiper(args, to)).stderr).toContain('use --resume to continue it');
    writeFileSync(path('slow.py'), 'print(input())\n');
    expect(await sandpiper([...args, '--resume'], to)).toMatchObject({ code: 0 });
    const all = readFileSync(path('out'), 'utf8');
    expect(all.startsWith(cut)).toBe(true);
    expect(parsed(all).map(({ index, stdout }) => [index, stdout])).toEqual(
      Array.from({ length: 300 }, (_, i) => [i, `${i}\n`]),
    );
  });

  it('takes lines with run fields, and names the wrong line', async () => {
    const to = await known();
    writeFileSync(path('args.py'), 'import sys, os\nprint(sys.argv[1:], os.environ.get("X"))\n');
    writeFileSync(path('calls'), '{"args": ["a"]}\n\n{"env": {"X": "1"}, "stdin": ""}\n');
    const { stdout } = await sandpiper(['map', '--requests', path('args.py'), path('calls')], to);
    expect(parsed(stdout).map((line) => line.stdout)).toEqual(["['a'] None\n", '[] 1\n']);
    writeFileSync(path('calls'), '{"args": ["a"]}\n{"argv": []}\n');
    const wrong = await sandpiper(['map', '--requests', path('args.py'), path('calls')], to);
    expect([wrong.code, wrong.stderr.split('\n')[0]]).toEqual([
      2,
      'sandpiper: stopped with 0 of 2 outputs written; resume with: sandpiper map --from 0 ... >> OUTPUTS',
    ]);
    expect(wrong.stderr).toContain('line 2: Unrecognized key: "argv"');
  });

  it.each([
    [['nowhere.py', 'in'], 'nowhere.py: no such file'],
    [['double.py', 'nowhere'], 'nowhere: no such file'],
    [['double.py', 'in', '--resume'], '--resume needs --out FILE'],
    [['double.py', 'in', '--from', '251'], 'in: has only 250 lines, but 251 are marked as done'],
    [['double.py', 'in', '--out', '.'], '--out: .: is a folder'],
    [['double.py', 'in', '--out', 'other', '--resume'], 'was not written by sandpiper map'],
  ])('refuses %j', async (args, why) => {
    writeFileSync(path('double.py'), '');
    writeFileSync(path('in'), inputs(250));
    writeFileSync(path('other'), 'hello\n');
    const child = spawn(SANDPIPER, ['map', ...args], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    const { code, stderr } = await outputOf(child);
    expect(stderr).toContain(why);
    expect(code).toBe(2);
  });
});

describe('a service that others can reach', () => {
  it('is used with a key, which can be revoked', async () => {
    const to = await known();
    writeFileSync(path('in'), '1\n');
    writeFileSync(path('one.py'), 'print(1)');
    const map = ['map', path('one.py'), path('in')];
    expect((await sandpiper(map, to)).code).toBe(0);
    expect(await sandpiper(map, { ...to, SANDPIPER_API_KEY: '' })).toMatchObject({ code: 1 });
    expect((await sandpiper(['nodes'], to)).stderr).toContain('lacks the scope "admin"');
    const id = to['SANDPIPER_API_KEY']?.split('_')[1] ?? '';
    expect((await sandpiper(['keys'])).stdout).toContain(id);
    expect((await sandpiper(['keys', 'revoke', id])).code).toBe(0);
    expect((await sandpiper(map, to)).stderr).toContain('unknown API key');
  });

  it('shows its nodes, tenants and dead letters', async () => {
    expect((await sandpiper(['nodes'])).stdout).toMatch(/node-1 .*ready.*0: (idle|busy)/);
    expect((await sandpiper(['tenants', 'set', 'red', '--weight', '3', '--max-running', '2'])).code).toBe(0);
    expect((await sandpiper(['tenants'])).stdout).toMatch(/red .*3 .*its share .*2 .*its share/);
    expect((await sandpiper(['dead-letters'])).stdout).toBe('No dead letters.\n');
    expect(await sandpiper(['dead-letters', 'requeue', 'nobody'])).toMatchObject({
      code: 1,
      stderr: 'sandpiper: no such dead letter\n',
    });
    expect((await sandpiper(['keys', 'create', 'a/b'])).stderr).toContain('tenant: must be 1 to 64 letters');
  });

  it('is reported when it is not running', async () => {
    const elsewhere = { XDG_STATE_HOME: path('elsewhere') };
    const { code, stderr } = await sandpiper(['nodes'], elsewhere);
    expect([code, stderr]).toEqual([
      2,
      'sandpiper: no service is running on this host: name one with --server URL, or start one with sandpiper up\n',
    ]);
  });
});
