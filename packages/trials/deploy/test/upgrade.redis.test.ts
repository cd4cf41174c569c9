import { readFileSync, writeFileSync } from 'node:fs';
import { CheckoutCopy, Processes, type RedisServer, startRedis, type TestService } from '@sandpiper/testkit';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { SteadyLoad } from '../src/steady-load.js';

/**
 * docs/upgrades.md under load: nodes first, then schedulers, and back in the other order. The earlier version is the
 * checkout of TEST_OLD_CHECKOUT (scripts/test-upgrade). Without it the earlier version is this checkout, and the newer one
 * a copy that writes a newer schema.
 */

const patience = { timeout: 120_000, interval: 50 };
/** Runs that must have ended before the next step, so that each step has some of them. */
const PER_STEP = 10;
// A dozen processes start and stop, one after the other.
vi.setConfig({ testTimeout: 600_000 });

const earlierCheckout = process.env['TEST_OLD_CHECKOUT'];

let redis: RedisServer;
let copy: CheckoutCopy | null = null;
let earlier: Processes;
let newer: Processes;

function copyWithNewerSchema(): CheckoutCopy {
  const made = new CheckoutCopy();
  const file = made.path('packages/service/store/dist/schema.js');
  const text = readFileSync(file, 'utf8');
  const raised = text.replace(/SCHEMA = (\d+)/, (_all, number) => `SCHEMA = ${Number(number) + 1}`);
  expect(raised).not.toBe(text);
  writeFileSync(file, raised);
  return made;
}

beforeAll(async () => {
  redis = await startRedis();
  if (earlierCheckout === undefined) {
    copy = copyWithNewerSchema();
    earlier = new Processes(redis);
    newer = new Processes(redis, copy.folder);
  } else {
    earlier = new Processes(redis, earlierCheckout);
    newer = new Processes(redis);
  }
});

afterAll(async () => {
  await earlier.kill();
  await newer.kill();
  await redis.stop();
  copy?.remove();
});

/** As a process manager stops a service: SIGTERM, and it ends by itself. */
async function retire({ child, exit }: TestService): Promise<void> {
  child.kill('SIGTERM');
  expect(await exit).toBe(0);
}

/** The addresses that clients know. */
class Front {
  readonly addresses: string[] = [];

  async replace(old: TestService, by: TestService): Promise<void> {
    this.addresses.push(by.url);
    await retire(old);
    this.addresses.splice(this.addresses.indexOf(old.url), 1);
  }
}

async function someEnd(load: SteadyLoad): Promise<void> {
  const before = load.ended.length;
  await vi.waitFor(() => {
    expect(load.failure).toBeNull();
    expect(load.ended.length).toBeGreaterThanOrEqual(before + PER_STEP);
  }, patience);
}

/** Every run ended as it should, at its first attempt, and each exactly once. */
async function expectAllEnded(load: SteadyLoad): Promise<void> {
  const submitted = await load.stop();
  expect(new Set(load.ended.map(({ id }) => id)).size).toBe(submitted);
  const others = load.ended.filter(({ result }) => result.status !== 'ok' || result.attempt !== 1);
  expect(others).toEqual([]);
}

let front: Front;
let schedulers: readonly [TestService, TestService];
let newNodes: TestService[];

it('an upgrade loses no run and starts none twice: nodes first, then schedulers', async () => {
  front = new Front();
  schedulers = [await earlier.scheduler(), await earlier.scheduler()];
  front.addresses.push(...schedulers.map(({ url }) => url));
  const nodes = [await earlier.node('earlier-1'), await earlier.node('earlier-2')];
  newNodes = [];
  const load = new SteadyLoad(front.addresses);
  await someEnd(load);

  for (const [index, old] of nodes.entries()) {
    newNodes.push(await newer.node(`newer-${index + 1}`));
    await someEnd(load);
    await retire(old);
    await someEnd(load);
  }
  const fromNewNodes = load.submitted;
  const replaced = [await newer.scheduler(), await newer.scheduler()] as const;
  for (const [index, by] of replaced.entries()) {
    await front.replace(schedulers[index as 0 | 1], by);
    await someEnd(load);
  }
  await expectAllEnded(load);
  const late = load.ended.filter(({ number }) => number >= fromNewNodes);
  expect(late.filter(({ result }) => !result.node.startsWith('newer-'))).toEqual([]);
  schedulers = replaced;
});

it('the way back loses none either: schedulers first, when nothing waits, then nodes', async () => {
  const back = [await earlier.scheduler(), await earlier.scheduler()];
  front.addresses.splice(0, 2, ...back.map(({ url }) => url));
  const load = new SteadyLoad(front.addresses);
  await someEnd(load);
  for (const scheduler of schedulers) await retire(scheduler);
  await someEnd(load);

  for (const name of ['earlier-3', 'earlier-4']) await earlier.node(name);
  const nodesOf = async (): Promise<{ name: string; state: string }[]> => {
    const reply = await fetch(`${front.addresses[0]}/v1/nodes`);
    return ((await reply.json()) as { nodes: { name: string; state: string }[] }).nodes;
  };
  expect((await nodesOf()).map(({ name }) => name)).toEqual(expect.arrayContaining(['newer-1', 'earlier-3']));
  for (const node of newNodes) await retire(node);
  await someEnd(load);
  await expectAllEnded(load);
});
