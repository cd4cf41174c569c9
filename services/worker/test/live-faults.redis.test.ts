import { SandpiperClient } from '@sandpiper/client';
import { Processes, type TestService, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Followed } from './followed.js';

/** What followers and feeders see of a live run when something dies in the middle. */

let redis: RedisServer;
let processes: Processes;
let scheduler: TestService;
let client: SandpiperClient;

/** A node that is missed soon. */
const IMPATIENT = { SANDPIPER_LOCK_MS: '1000' };

beforeEach(async () => {
  redis = await startRedis({ own: true });
  processes = new Processes(redis);
  scheduler = await processes.scheduler();
  client = new SandpiperClient(scheduler.url);
});

afterEach(async () => {
  await processes.kill();
  await redis.stop();
});

const SUM = [
  'total = 0',
  'print("ready", flush=True)',
  'while True:',
  '  line = input()',
  '  if line == "done": break',
  '  total += int(line)',
  '  print("total", total, flush=True)',
  'print("sum", total)',
].join('\n');

const submit = (): Promise<string> =>
  client.submitRun({ source: SUM, live: true, limits: { wallMs: 120_000 } });

describe('a live run', () => {
  it('restarts with all of its input when its node is killed, and has one result', async () => {
    const nodes = [await processes.node('n1', IMPATIENT)];
    const id = await submit();
    const run = new Followed(client.followRun(id, { feed: true }));
    await run.stream.write(Buffer.from('1\n2\n'));
    await run.says('total 3\n');
    nodes[0]?.child.kill('SIGKILL');
    await run.stream.write(Buffer.from('4\n'));
    await processes.node('n2', IMPATIENT);
    await run.says('total 7\n');
    await run.stream.write(Buffer.from('done\n'));
    expect(await run.ended).toMatchObject({ status: 'ok', node: 'n2', attempt: 2 });
    expect(run.restarts).toBe(1);
    expect(run.text()).toBe('ready\ntotal 1\ntotal 3\ntotal 7\nsum 7\n');
    expect((await client.getRun(id)).result?.stdout).toBe(run.text());
  });

  it('continues without loss or repetition when its scheduler stops and another replaces it', async () => {
    await processes.node('n1');
    const id = await submit();
    const run = new Followed(client.followRun(id, { feed: true }));
    await run.stream.write(Buffer.from('1\n'));
    await run.says('total 1\n');
    scheduler.child.kill('SIGTERM');
    expect(await scheduler.exit).toBe(0);
    await run.stream.write(Buffer.from('2\n3\n'));
    await processes.scheduler({ SANDPIPER_PORT: new URL(scheduler.url).port });
    await run.says('total 6\n');
    await run.stream.write(Buffer.from('done\n'));
    expect(await run.ended).toMatchObject({ status: 'ok', attempt: 1 });
    expect(run.text()).toBe('ready\ntotal 1\ntotal 3\ntotal 6\nsum 6\n');
    expect(run.restarts).toBe(0);
  });

  it('continues after Redis was killed and restarted', async () => {
    // Longer than Redis is away, or another node would have been in the right to begin it anew.
    await processes.node('n1', { SANDPIPER_LOCK_MS: '60000' });
    const id = await submit();
    const run = new Followed(client.followRun(id, { feed: true }));
    await run.stream.write(Buffer.from('1\n'));
    await run.says('total 1\n');
    await redis.kill();
    await run.stream.write(Buffer.from('2\n'));
    await redis.boot();
    await run.says('total 3\n');
    await run.stream.write(Buffer.from('done\n'));
    expect(await run.ended).toMatchObject({ status: 'ok', attempt: 1 });
    expect(run.text()).toBe('ready\ntotal 1\ntotal 3\nsum 3\n');
  });

  it('can also be handed to another node by a drain', async () => {
    const first = await processes.node('n1', { SANDPIPER_GRACE_MS: '0' });
    const run = new Followed(client.followRun(await submit(), { feed: true }));
    await run.stream.write(Buffer.from('5\n'));
    await run.says('total 5\n');
    first.child.kill('SIGTERM');
    expect(await first.exit).toBe(0);
    await processes.node('n2');
    await run.stream.write(Buffer.from('6\ndone\n'));
    expect(await run.ended).toMatchObject({ status: 'ok', node: 'n2' });
    expect(run.text()).toBe('ready\ntotal 5\ntotal 11\nsum 11\n');
  });
});
