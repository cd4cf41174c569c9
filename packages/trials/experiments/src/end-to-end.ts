import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { SandpiperClient } from '@sandpiper/client';
import { availableCpus, Cell, DEFAULT_PROFILE } from '@sandpiper/controller';
import { jobOf } from './bench.js';
import { type Figure, HELLO, ms } from './speed.js';
import { median, percentile } from './statistics.js';

const SANDPIPER = fileURLToPath(new URL('../../../../sandpiper', import.meta.url));
/** Submissions whose results are awaited at the same time. */
const IN_FLIGHT = 32;

/**
 * Throughput of a whole service with short programs, HTTP to result; and of its cells alone, in the same run.
 */
export async function endToEnd(quick: boolean): Promise<Figure[]> {
  const runs = quick ? 200 : 1000;
  const alone = await cellsAlone(runs);
  const one = await withService(1, async (client) => {
    const singly = await oneAtATime(client, quick ? 50 : 200);
    return { singly, flood: await flood(client, runs), batch: await batch(client, runs) };
  });
  const two = await withService(2, (client) => flood(client, runs));
  const beside = median(one.singly.map(({ elapsed, inNode }) => elapsed - inNode));
  const elapsed = one.singly.map((run) => run.elapsed);
  const reference = `cells alone ${alone.toFixed(0)}/s`;
  const rate = (measure: string, perSecond: number, more: string, required: number | null): Figure => ({
    measure,
    ours: `${perSecond.toFixed(0)}/s${more}`,
    reference,
    ratio: perSecond / alone,
    required: required === null ? '' : `at least ${required} of it`,
    met: required === null ? null : perSecond >= required * alone,
  });
  const percentiles = ({ latencies }: Flood) =>
    `, median ${ms(median(latencies))}, p99 ${ms(percentile(latencies, 99))}`;
  return [
    {
      measure: 'hello, HTTP to result, one node, one at a time',
      ours: `median ${ms(median(elapsed))}, p99 ${ms(percentile(elapsed, 99))}`,
      reference: `of it beside the run itself (HTTP, queue, store) ${ms(beside)}`,
      ratio: beside / median(elapsed),
      required: 'median 12 ms',
      met: median(elapsed) <= 12,
    },
    rate(
      `hello, one by one, ${IN_FLIGHT} in flight, one node`,
      one.flood.perSecond,
      percentiles(one.flood),
      null,
    ),
    rate(`hello, one by one, ${IN_FLIGHT} in flight, two nodes`, two.perSecond, percentiles(two), null),
    rate(`hello, a batch of ${runs}, one node, all CPUs`, one.batch, '', 0.7),
  ];
}

/** Runs per second of one cell on each CPU, without Redis, queue and HTTP. */
async function cellsAlone(runs: number): Promise<number> {
  const cells = await Promise.all(
    availableCpus().map((cpu, id) =>
      Cell.start({ id, cpu, node: null, rpython: null, profile: DEFAULT_PROFILE }),
    ),
  );
  try {
    const work = async (count: number) => {
      let left = count;
      await Promise.all(
        cells.map(async (cell) => {
          while (left-- > 0) await cell.runJob(jobOf('bench', HELLO));
        }),
      );
    };
    await work(50);
    const begun = performance.now();
    await work(runs);
    return (1000 * runs) / (performance.now() - begun);
  } finally {
    for (const cell of cells) await cell.close();
  }
}

/** `sandpiper up`, as a user starts it. */
async function withService<T>(nodes: number, work: (client: SandpiperClient) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'sandpiper-bench-'));
  const service = spawn(SANDPIPER, ['up', '--nodes', String(nodes), '--port', '0', '--state-dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(service, 'exit');
  try {
    const client = new SandpiperClient(await addressOf(service.stdout));
    await flood(client, 100); // parents are started and code is compiled
    return await work(client);
  } finally {
    service.kill('SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
}

async function addressOf(stdout: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const address = /http:\S+/.exec(line)?.[0];
    if (address !== undefined) {
      stdout.resume();
      return address;
    }
  }
  throw new Error('sandpiper up has ended');
}

async function submitted(client: SandpiperClient): Promise<{ elapsed: number; inNode: number }> {
  const begun = performance.now();
  const result = await client.waitRun(await client.submitRun({ source: HELLO }));
  if (result.status !== 'ok') throw new Error(`${result.status}: ${result.message}`);
  const elapsed = performance.now() - begun;
  return { elapsed, inNode: Date.parse(result.finishedAt) - Date.parse(result.startedAt) };
}

async function oneAtATime(client: SandpiperClient, count: number) {
  const found = [];
  for (let i = 0; i < count; i++) found.push(await submitted(client));
  return found;
}

interface Flood {
  readonly perSecond: number;
  readonly latencies: readonly number[];
}

async function flood(client: SandpiperClient, count: number): Promise<Flood> {
  let left = count;
  const latencies: number[] = [];
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) latencies.push((await submitted(client)).elapsed);
    }),
  );
  return { perSecond: (1000 * count) / (performance.now() - begun), latencies };
}

async function batch(client: SandpiperClient, count: number): Promise<number> {
  const begun = performance.now();
  const id = await client.submitBatch({ runs: Array.from({ length: count }, () => ({ source: HELLO })) });
  const { byStatus } = await client.waitBatch(id);
  if (byStatus.ok !== count) throw new Error(`of ${count} runs ended: ${JSON.stringify(byStatus)}`);
  return (1000 * count) / (performance.now() - begun);
}
