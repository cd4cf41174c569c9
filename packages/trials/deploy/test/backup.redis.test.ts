import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Processes, type TestService } from '@sandpiper/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CHECKOUT } from '../src/helm.js';

/** The commands of docs/backup.md, on a real Redis under real services. */

const run = promisify(execFile);
const ADMIN_KEY = 'a'.repeat(32);
const patience = { timeout: 60_000, interval: 50 };

const page = readFileSync(new URL('docs/backup.md', CHECKOUT), 'utf8');
const [takeSnapshot, restoreSnapshot, takeFiles, restoreFiles] = [
  ...page.matchAll(/^```sh\n(.*?)^```$/gms),
].map(([, commands = '']) => commands);

/** A Redis with the settings of docs/redis.md, in a folder that the commands may read and write. */
class Redis {
  readonly socket: string;
  readonly data: string;
  private child: ChildProcess | null = null;

  constructor(folder: string, name: string) {
    this.socket = join(folder, `${name}.sock`);
    this.data = join(folder, name);
    mkdirSync(this.data);
  }

  get variables(): { SANDPIPER_REDIS_URL: string } {
    return { SANDPIPER_REDIS_URL: this.socket };
  }

  async start(): Promise<void> {
    const settings = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    const where = ['--port', '0', '--unixsocket', this.socket, '--dir', this.data];
    this.child = spawn('redis-server', [...where, ...settings, '--maxmemory-policy', 'noeviction'], {
      stdio: 'ignore',
    });
    await vi.waitFor(async () => {
      expect((await run('redis-cli', ['-s', this.socket, 'ping'])).stdout).toBe('PONG\n');
    }, patience);
  }

  /** Like a power cut. */
  async kill(): Promise<void> {
    if (this.child === null || this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }

  /** Commands of the page, with this Redis and a folder for copies. */
  async follow(commands: string | undefined, backup: string): Promise<void> {
    const env = { ...process.env, SOCKET: this.socket, DATA: this.data, BACKUP: backup };
    await run('bash', ['-euo', 'pipefail', '-c', commands ?? 'exit 1'], { env });
  }
}

interface Answer {
  readonly status: number;
  readonly body: {
    readonly id: string;
    readonly key: string;
    readonly state: string;
    readonly result: Readonly<Record<string, unknown>> | null;
    readonly keys: readonly { readonly id: string }[];
  };
}

async function call(
  { url }: TestService,
  path: string,
  {
    key = ADMIN_KEY,
    method = 'GET',
    body,
    once: idempotencyKey,
  }: {
    readonly key?: string;
    readonly method?: string;
    readonly body?: object;
    readonly once?: string;
  } = {},
): Promise<Answer> {
  const reply = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  return { status: reply.status, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] };
}

const SCHEDULER = { SANDPIPER_AUTH: 'on', SANDPIPER_ADMIN_KEY: ADMIN_KEY };
/** It runs until its input ends: when no client has been connected for SANDPIPER_ORPHAN_MS. */
const WAITS = { source: 'import sys\nsys.stdin.read()\nprint("at last")', live: true };

let folder: string;
let blue: string;
let red: Answer['body'];
let kept: Answer['body'];
let running: string;
let waiting: string[];
let late: string;

async function submit(scheduler: TestService, body: object, idempotencyKey: string): Promise<string> {
  const { status, body: answer } = await call(scheduler, '/v1/runs', {
    key: blue,
    method: 'POST',
    body,
    once: idempotencyKey,
  });
  expect(status).toBe(202);
  return answer.id;
}

/** A run that has ended, however long that takes. */
async function endOf(scheduler: TestService, id: string): Promise<Answer['body']> {
  for (;;) {
    const { body } = await call(scheduler, `/v1/runs/${id}?wait=30`, { key: blue });
    if (body.state === 'done') return body;
  }
}

const keyOf = async (scheduler: TestService, tenant: string): Promise<Answer['body']> =>
  (await call(scheduler, '/v1/keys', { method: 'POST', body: { tenant } })).body;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-backup-'));
  const redis = new Redis(folder, 'lost');
  const services = new Processes(redis);
  try {
    await redis.start();
    const scheduler = await services.scheduler(SCHEDULER);
    await services.node('lost', { SANDPIPER_ORPHAN_MS: '7200000' });
    blue = (await keyOf(scheduler, 'blue')).key;
    red = await keyOf(scheduler, 'red');
    const first = await submit(scheduler, { source: 'print(6 * 7)' }, 'kept');
    kept = await endOf(scheduler, first);
    expect(kept).toMatchObject({ state: 'done', result: { status: 'ok', stdout: '42\n' } });
    running = await submit(scheduler, WAITS, 'running');
    await vi.waitFor(async () => {
      const { body } = await call(scheduler, `/v1/runs/${running}`, { key: blue });
      expect(body.state).toBe('running');
    }, patience);
    waiting = [];
    for (const n of [1, 2, 3])
      waiting.push(await submit(scheduler, { source: `print(${n})` }, `waiting-${n}`));

    await redis.follow(takeSnapshot, join(folder, 'snapshot'));
    await redis.follow(takeFiles, join(folder, 'files'));

    const { status } = await call(scheduler, `/v1/keys/${red.id}`, { method: 'DELETE' });
    expect(status).toBe(204);
    late = await submit(scheduler, { source: 'print("late")' }, 'late');
  } finally {
    await services.kill();
    await redis.kill();
    rmSync(redis.data, { recursive: true });
  }
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each([
  ['snapshot', restoreSnapshot],
  ['files', restoreFiles],
])('a restored copy (%s)', (name, restore) => {
  let redis: Redis;
  let services: Processes;
  let scheduler: TestService;

  beforeAll(async () => {
    redis = new Redis(folder, `new-${name}`);
    services = new Processes(redis);
    await redis.follow(restore, join(folder, name));
    await redis.start();
    scheduler = await services.scheduler(SCHEDULER);
  }, 180_000);

  afterAll(async () => {
    await services.kill();
    await redis.kill();
  });

  it('has the results of runs that had ended', async () => {
    const { body } = await call(scheduler, `/v1/runs/${kept.id}`, { key: blue });
    expect(body).toEqual(kept);
  });

  it('knows a revoked key again, and no run that was submitted since', async () => {
    expect((await call(scheduler, `/v1/runs/${kept.id}`, { key: red.key })).status).toBe(404);
    expect((await call(scheduler, `/v1/runs/${late}`, { key: blue })).status).toBe(404);
    expect((await call(scheduler, `/v1/keys/${red.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await call(scheduler, `/v1/runs/${kept.id}`, { key: red.key })).status).toBe(401);
  });

  it('knows idempotency keys of before, and takes those of the lost runs', async () => {
    expect(await submit(scheduler, { source: 'print(1)' }, 'waiting-1')).toBe(waiting[0]);
    const again = await submit(scheduler, { source: 'print("late")' }, 'late');
    expect(again).not.toBe(late);
  });

  it('ends every run that waited or ran, once', async () => {
    await services.node('new', {
      SANDPIPER_ORPHAN_MS: '100',
    });
    const ends = await Promise.all([running, ...waiting].map((id) => endOf(scheduler, id)));
    expect(ends.map(({ state, result }) => [state, result?.['stdout'], result?.['attempt']])).toEqual([
      ['done', 'at last\n', 2],
      ['done', '1\n', 1],
      ['done', '2\n', 1],
      ['done', '3\n', 1],
    ]);
  });

  it('survives the next restart of Redis', async () => {
    await redis.kill();
    await redis.start();
    await vi.waitFor(async () => {
      const { status, body } = await call(scheduler, `/v1/runs/${running}`, { key: blue });
      expect([status, body.state]).toEqual([200, 'done']);
    }, patience);
  });
});
