import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Processes, type RedisServer, startRedis } from '@sandpiper/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

/** `sandpiper nodes` with real nodes. */

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));

let redis: RedisServer;
let processes: Processes;
let url: string;

beforeAll(async () => {
  redis = await startRedis();
  processes = new Processes(redis);
  const [scheduler] = await Promise.all([
    processes.scheduler(),
    processes.node('n1', { SANDPIPER_LABELS: 'rack=7,disk=ssd' }),
    processes.node('n2', { SANDPIPER_LABELS: 'rack=7' }),
    processes.node('n3'),
  ]);
  url = scheduler.url;
}, 60_000);

afterAll(async () => {
  await processes.kill();
  await redis.stop();
});

async function nodes(...words: string[]): Promise<{ out: string; err: string; code: unknown }> {
  const env = { ...process.env, NO_COLOR: '1', SANDPIPER_SERVER: url };
  const child = spawn(SANDPIPER, ['nodes', ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { out, err, code };
}

const states = async (...words: string[]): Promise<Record<string, string>> => {
  const listed = JSON.parse((await nodes('--json', ...words)).out) as { name: string; state: string }[];
  return Object.fromEntries(listed.map(({ name, state }) => [name, state]));
};

it('lists nodes with their labels, all or those that have some', async () => {
  const { out } = await nodes();
  for (const word of ['n1', 'n2', 'n3', 'rack=7', 'disk=ssd']) expect(out).toContain(word);
  expect(Object.keys(await states('--label', 'rack=7'))).toEqual(['n1', 'n2']);
  expect(Object.keys(await states('--label', 'rack=7', '--label', 'disk=ssd'))).toEqual(['n1']);
});

it('cordons the nodes that have a label, and lets them work again', async () => {
  expect(await nodes('cordon', '--label', 'rack=7')).toMatchObject({
    code: 0,
    err: expect.stringContaining('n1, n2'),
  });
  await vi.waitFor(
    async () => expect(await states()).toEqual({ n1: 'cordoned', n2: 'cordoned', n3: 'ready' }),
    20_000,
  );
  expect((await nodes('uncordon', 'n1')).code).toBe(0);
  expect((await nodes('uncordon', '--label', 'rack=7')).code).toBe(0);
  await vi.waitFor(
    async () => expect(await states()).toEqual({ n1: 'ready', n2: 'ready', n3: 'ready' }),
    20_000,
  );
});

it.each([
  [['cordon'], /name either a node or, with --label, the labels of nodes/],
  [['cordon', 'n1', '--label', 'rack=7'], /name either a node or/],
  [['cordon', '--label', 'rack=8'], /no node has these labels/],
  [['cordon', '--label', 'rack'], /--label needs NAME=VALUE, not "rack"/],
  [['cordon', 'n9'], /n9|node/],
])('refuses %j', async (words, message) => {
  const { err, code } = await nodes(...words);
  expect(err).toMatch(message);
  expect(code).not.toBe(0);
});
