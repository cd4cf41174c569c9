import { randomUUID } from 'node:crypto';
import type { FollowOptions, SandpiperClient } from '@sandpiper/client';
import { bytesOf, type RunResult, type RunStatus } from '@sandpiper/contracts';
import { type Api, Refusal } from '@sandpiper/faults';
import { BATCH, type Program, ROUND } from './programs.js';

/** Concurrent runs. */
const LANES = 6;

/** How many runs of a round are purged after their results were read, where the service can purge. */
const PURGED_EVERY = 10;

/** A run without an end for this long is lost, milliseconds. */
const LOST_MS = 300_000;

export interface SoakTenant {
  readonly client: SandpiperClient;
  readonly api: Api;
}

/** Plays rounds, and keeps account of all acknowledged runs. */
export class Rounds {
  /** Run -> its program. Ids are short; nothing else of a run is kept. */
  readonly acknowledged = new Set<string>();
  readonly byStatus = new Map<RunStatus, number>();
  /** Runs without an end, or with an unexpected one, and failed requests. */
  readonly faults: string[] = [];
  private played = 0;

  constructor(
    private readonly tenants: readonly SoakTenant[],
    private readonly hasPurge: boolean,
    private readonly signal: AbortSignal,
  ) {}

  /** When it resolves, none of its runs is active. */
  async play(): Promise<void> {
    const round = this.played++;
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let i = next++; i < ROUND.length && !this.signal.aborted; i = next++) {
        const [program, tenant] = [ROUND[i], this.tenants[(i + round) % this.tenants.length]];
        if (program === undefined || tenant === undefined) continue;
        const purged = i % PURGED_EVERY === 0;
        await this.note(program.name, (signal) => this.playRun(program, tenant, purged, signal));
      }
    };
    const [first] = this.tenants;
    const batch =
      first === undefined ? Promise.resolve() : this.note('batch', (signal) => this.playBatch(first, signal));
    await Promise.all([batch, ...Array.from({ length: LANES }, lane)]);
  }

  /** Plays it until it ends, the soak ends, or it counts as lost. */
  private async note(what: string, play: (signal: AbortSignal) => Promise<string | null>): Promise<void> {
    const own = new AbortController();
    const end = (): void => own.abort(this.signal.reason);
    const timer = setTimeout(() => own.abort(new Error(`no result after ${LOST_MS / 1000} s`)), LOST_MS);
    this.signal.addEventListener('abort', end);
    try {
      const fault = await play(own.signal);
      if (fault !== null) this.faults.push(`${what}: ${fault}`);
    } catch (error) {
      if (!this.signal.aborted) this.faults.push(`${what}: ${(error as Error).message}`);
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', end);
    }
  }

  private async playRun(
    program: Program,
    tenant: SoakTenant,
    purged: boolean,
    signal: AbortSignal,
  ): Promise<string | null> {
    const { client } = tenant;
    const id = await client.submitRun({ ...program.request, idempotencyKey: randomUUID() }, { signal });
    this.acknowledged.add(id);
    if (program.way === 'cancel') await client.cancelRun(id, { signal });
    const said = program.way === 'live' ? await followLive(client, id, { signal }) : null;
    const result = await client.waitRun(id, { signal });
    if (purged && this.hasPurge) await purge(tenant.api, id);
    return this.judge(id, program, result, said);
  }

  private async playBatch({ client }: SoakTenant, signal: AbortSignal): Promise<string | null> {
    const runs = BATCH.map(({ request }) => request);
    const batch = await client.submitBatch({ runs, idempotencyKey: randomUUID() }, { signal });
    const seen = new Set<number>();
    const faults: (string | null)[] = [];
    for await (const { index, run } of client.followBatch(batch, { signal })) {
      const program = BATCH[index];
      this.acknowledged.add(run.id);
      if (program === undefined || run.result === null) faults.push(`${run.id} has no result`);
      else faults.push(this.judge(run.id, program, run.result, null));
      seen.add(index);
    }
    if (seen.size !== BATCH.length) faults.push(`${seen.size} of ${BATCH.length} results`);
    return faults.find((fault) => fault !== null) ?? null;
  }

  private judge(id: string, program: Program, result: RunResult, said: string | null): string | null {
    this.byStatus.set(result.status, (this.byStatus.get(result.status) ?? 0) + 1);
    if (result.id !== id) return `${id} has the result of ${result.id}`;
    if (result.status !== program.status) {
      return `${id} ended as ${result.status} (${result.message}) and not as ${program.status}`;
    }
    const { length } = bytesOf(result, 'stdout');
    if (program.outputLength !== null && length !== program.outputLength) {
      return `${id} has ${length} bytes of output and not ${program.outputLength}`;
    }
    return said === null || said === FED
      ? null
      : `${id} was fed ${JSON.stringify(FED)} and said ${JSON.stringify(said)}`;
  }
}

const FED = 'one\ntwo\nthree\n';

/** Feeds a live run, and returns its output. */
async function followLive(client: SandpiperClient, id: string, options: FollowOptions): Promise<string> {
  const stream = client.feedRun(id, feed(), options);
  let said = '';
  for await (const event of stream) {
    if (event.type === 'restart') said = '';
    if (event.type === 'output' && event.stream === 'stdout') said += event.data.toString();
  }
  return said;
}

async function* feed(): AsyncGenerator<Uint8Array> {
  for (const line of FED.match(/.+\n/g) ?? []) yield await Promise.resolve(Buffer.from(line));
}

async function purge(api: Api, id: string): Promise<void> {
  await api.call(`/v1/runs/${id}?purge=true`, { method: 'DELETE' });
  const gone = await api.run(id).then(
    () => false,
    (error: unknown) => error instanceof Refusal && error.status === 404,
  );
  if (!gone) throw new Error(`${id} is still there after a purge`);
}
