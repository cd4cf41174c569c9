import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { NodeView } from '@sandpiper/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

/** `sandpiper run --server URL` against a service that `sandpiper up` has started. */

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));

let folder: string;
let service: ChildProcess;
/** Few enough that the tests can have them all. */
const MAX_WAITING = 20;
let url: string;
const started: ChildProcess[] = [];

const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content);
  return name;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-remote-'));
  const env = { ...process.env, XDG_STATE_HOME: folder, SANDPIPER_MAX_QUEUE: String(MAX_WAITING) };
  service = spawn(SANDPIPER, ['up', '--port', '0'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [said] = (await once(service.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  url = /http:\S+/.exec(String(said))?.[0] ?? '';
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
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  started.push(child);
  return child;
}

async function ended(
  child: ChildProcess,
  input = '',
): Promise<{ code: number | null; out: string; err: string }> {
  child.stdin?.end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  return { code, out, err };
}

/** The process id of the node that `sandpiper up` has started. */
function nodeOf(up: ChildProcess): number {
  const children = readFileSync(`/proc/${up.pid}/task/${up.pid}/children`, 'utf8').trim().split(' ');
  const isNode = (pid: string) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('services/worker/');
  return Number(children.find(isNode));
}

const remote = (...args: string[]): ChildProcess => start(SANDPIPER, ['run', '--server', url, ...args]);

describe('a run on a service', () => {
  it('has the streams and the exit code that pypy3 has', async () => {
    const program = file(
      'count.py',
      'import sys\nfor n, line in enumerate(sys.stdin): print(n, line.strip(), sys.argv[1:])\n' +
        'print("é", file=sys.stderr)\nsys.stdout.flush()\nsys.stdout.buffer.write(bytes([255, 0, 10]))\nsys.exit(7)\n',
    );
    const lines = Array.from({ length: 2000 }, (_, i) => `line ${i}\n`).join('');
    const bare = await ended(start('pypy3', [program, 'a', '--b']), lines);
    expect(await ended(remote(program, 'a', '--b'), lines)).toEqual(bare);
    expect(bare.code).toBe(7);
  });

  it('has the same paths as pypy3 for a program in a subfolder', async () => {
    mkdirSync(join(folder, 'below'));
    const program = file('below/paths.py', 'import sys\nprint(sys.argv, __file__)\n1 / 0\n');
    const bare = await ended(start('pypy3', [program]));
    const inBox = (text: string) => text.replaceAll(folder, '/box');
    expect(await ended(remote(program))).toEqual({ ...bare, out: inBox(bare.out), err: inBox(bare.err) });
    expect(bare.out).toContain('below/paths.py');
  });

  it('answers while it runs', async () => {
    const program = file(
      'echo.py',
      'while True:\n    line = input()\n    print("you said", line, flush=True)\n',
    );
    const child = remote(program);
    child.stdin?.write('one\n');
    expect(String(((await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer])[0])).toBe(
      'you said one\n',
    );
    child.stdin?.write('two\n');
    expect(String(((await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer])[0])).toBe(
      'you said two\n',
    );
    const { code, err } = await ended(child);
    expect([code, err.includes('EOFError')]).toEqual([1, true]);
  });

  it('is cancelled by Ctrl-C', async () => {
    const program = file('loop.py', 'print("begun", flush=True)\nwhile True: pass\n');
    const child = remote(program);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill('SIGINT');
    expect(await ended(child)).toMatchObject({
      code: 130,
      err: 'sandpiper: cancelled: the run was cancelled\n',
    });
  });

  it('shows its output once when its node dies', async () => {
    const program = file('anew.py', 'print("begun", flush=True)\nprint("read", input())\n');
    const child = remote(program);
    const stdout = text(child.stdout as NodeJS.ReadableStream);
    let err = '';
    child.stderr?.setEncoding('utf8').on('data', (data: string) => (err += data));
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    process.kill(nodeOf(service), 'SIGKILL');
    await expect
      .poll(() => err, { timeout: 60_000 })
      .toBe('sandpiper: the worker was lost; restarting the program\n');
    child.stdin?.end('x\n');
    const [code] = (await once(child, 'exit')) as [number];
    expect([code, await stdout]).toEqual([0, 'begun\nread x\n']);
  });

  const runsNow = async (): Promise<string[]> => {
    const { nodes } = (await (await fetch(`${url}/v1/nodes`)).json()) as { nodes: NodeView[] };
    return nodes.flatMap(({ cells }) => cells.flatMap(({ run }) => run ?? []));
  };

  it('is cancelled when the terminal closes', async () => {
    const child = remote(
      '--cpu-ms',
      '100000',
      file('loop.py', 'print("begun", flush=True)\nwhile True: pass\n'),
    );
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill('SIGHUP');
    expect((await ended(child)).code).toBe(130);
    await expect.poll(runsNow, { timeout: 20_000 }).toEqual([]);
  });

  it('is cancelled when the reader of its output leaves', async () => {
    const program = file(
      'chatter.py',
      'import time\nwhile True: print("x" * 100, flush=True); time.sleep(0.01)\n',
    );
    const pipeline = `set -o pipefail; "$0" run --server "$1" --wall-ms 100000 "$2" | head -n 1`;
    const shell = start('bash', ['--norc', '-c', pipeline, SANDPIPER, url, program]);
    expect(await ended(shell)).toEqual({
      code: 0,
      out: `${'x'.repeat(100)}\n`,
      err: expect.anything() as string,
    });
    await expect.poll(runsNow, { timeout: 20_000 }).toEqual([]);
  });

  it('is retried while the service is overloaded, after the delay that it asks for', async () => {
    const submit = () =>
      fetch(`${url}/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ source: 'while True: pass', limits: { cpuMs: 60_000 } }),
      });
    const ids: string[] = [];
    let reply = await submit();
    for (; reply.status === 202; reply = await submit())
      ids.push(((await reply.json()) as { id: string }).id);
    expect(reply.status).toBe(429);

    const child = remote(file('p.py', 'print(input())'));
    const [said] = (await once(child.stderr as NodeJS.ReadableStream, 'data')) as [Buffer];
    expect(String(said)).toMatch(/^sandpiper: the server is overloaded; retrying in \d+ s, as it asks\n$/);
    await Promise.all(ids.map((id) => fetch(`${url}/v1/runs/${id}`, { method: 'DELETE' })));
    expect(await ended(child, 'x\n')).toEqual({ code: 0, out: 'x\n', err: '' });
  });

  it('takes files, limits and variables with it, and brings files back', async () => {
    const program = file(
      'files.py',
      'import os\nwith open("made.bin", "w") as made: made.write(open("data").read() + os.environ["X"])\n' +
        'while True: pass\n',
    );
    file('given.txt', 'abc');
    const options = [
      '--file',
      'data=given.txt',
      '--env',
      'X=1',
      '--cpu-ms',
      '300',
      '--out',
      'made.bin=got.bin',
    ];
    const { code, err } = await ended(remote(...options, program));
    expect([code, err]).toEqual([
      124,
      'sandpiper: time-limit: the program used more than 300 ms of CPU time\n',
    ]);
    expect(readFileSync(join(folder, 'got.bin'), 'utf8')).toBe('abc1');
    const json = await ended(
      remote('--json', '--deterministic', '--seed', '7', file('p.py', 'print(input())')),
      'x\n',
    );
    expect(JSON.parse(json.out)).toMatchObject({ status: 'ok', stdout: 'x\n', node: 'node-1' });
    expect((JSON.parse(json.out) as { transcriptDigest: string }).transcriptDigest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('takes a folder with it, without what links lead to outside of it', async () => {
    for (const name of ['kit', 'kit/parts', 'kit/__pycache__']) mkdirSync(join(folder, name));
    file('outside.txt', 'secret');
    file('kit/helper.py', 'NAME = "helper"\n');
    file('kit/parts/one.py', 'NAME = "one"\n');
    file('kit/__pycache__/helper.pyc', '');
    symlinkSync('helper.py', join(folder, 'kit/same.py'));
    symlinkSync('../outside.txt', join(folder, 'kit/leak'));
    file('beside.py', 'NAME = "beside"\n');
    const program = file(
      'kit/main.py',
      'import os, helper, same, parts.one, beside\n' +
        'print(helper.NAME, same.NAME, parts.one.NAME, beside.NAME)\n' +
        'here = os.path.dirname(os.path.abspath(__file__))\n' +
        'print(sorted(set(os.listdir(here)) - {"__pycache__"}), os.path.exists("kit/__pycache__/helper.pyc"))\n',
    );
    expect(await ended(remote('--folder', 'kit', '--file', 'beside.py', program))).toEqual({
      code: 0,
      out: "helper helper one beside\n['beside.py', 'helper.py', 'main.py', 'parts', 'same.py'] False\n",
      err: '',
    });
  });

  it('refuses a folder that is too much for a request', async () => {
    mkdirSync(join(folder, 'crowd'));
    for (let i = 0; i <= 1000; i++) file(`crowd/${i}`, '');
    const { code, err } = await ended(remote('--folder', 'crowd', file('p.py', '')));
    expect([code, err]).toEqual([
      2,
      'sandpiper: --folder "crowd": holds more than 1000 files, which is too much for a service\n',
    ]);
  });

  it.each([
    [['--trace', 't', 'p.py'], '--trace does not go with --server'],
    [['--pypy', '/x', 'p.py'], '--pypy does not go with --server'],
    [['nowhere.py'], 'nowhere.py: no such file'],
    [['--stdin', 'nowhere', 'p.py'], '--stdin: nowhere: no such file'],
    [['--file', 'p.py=p.py', 'p.py'], '--file p.py: has the same name as the program'],
    [['-c', 'x'], '-c does not go with --server: a service runs files; write the program to a file'],
  ])('refuses %j', async (args, why) => {
    file('p.py', '');
    const { code, err } = await ended(remote(...args));
    expect([code, err]).toEqual([2, `sandpiper: ${why}\n`]);
  });

  it('reports that no server listens', async () => {
    const nobody = createServer().listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const address = `http://127.0.0.1:${(nobody.address() as AddressInfo).port}`;
    nobody.close();
    const child = start(SANDPIPER, ['run', '--server', address, file('p.py', '')]);
    const { code, err } = await ended(child);
    expect([code, err]).toEqual([
      1,
      `sandpiper: ${address}: connection refused: no Sandpiper server listens there\n`,
    ]);
  });
});
