import { request } from 'node:http';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Neighbour } from '../neighbour.js';
import type { Stage } from '../stage.js';
import { until } from '../wait.js';
import { type House, rightAnswers, stillAlive, type TenantAccess, withHouse } from './house.js';

/** An unfinished run of a batch keeps the batch's streams open. */
const LONG = 'import time; time.sleep(60)';

export interface StreamFloodOptions {
  /** The scheduler's streams in total; a tenant gets half of them. */
  readonly most: number;
}

/** One tenant follows a batch as often as it can, and more; another tenant still gets a stream. */
export function streamFlood(stage: Stage, { most }: StreamFloodOptions): Promise<Observation[]> {
  return withHouse(stage, { scheduler: { SANDPIPER_MAX_STREAMS: String(most) } }, async (house) => {
    const [heavy, other] = await Promise.all([house.tenant('heavy'), house.tenant('other')]);
    const neighbour = new Neighbour(other.api, 'beside');
    const long = await batchOf(heavy, LONG);
    const streams = ['results', 'events'].flatMap((kind) =>
      Array.from({ length: most }, () => new Stream(house, heavy, `/v1/batches/${long}/${kind}`)),
    );
    const statuses = await Promise.all(streams.map(({ status }) => status));
    const open = statuses.filter((status) => status === 200).length;
    const odd = statuses.filter((status) => status !== 200 && status !== 429);
    stage.say(`${streams.length} streams asked for: ${open} are open, the rest is refused`);
    const small = new Stream(
      house,
      other,
      `/v1/batches/${await batchOf(other, 'print("followed")')}/results`,
    );
    const text = await small.text();
    await heavy.api.call(`/v1/batches/${long}`, { method: 'DELETE' });
    for (const stream of streams) stream.close();
    const reopened = await until('a stream is free again', 30_000, async () => {
      const again = new Stream(house, heavy, `/v1/batches/${long}/results`);
      const status = await again.status;
      again.close();
      return status === 200;
    });
    return [
      requirement(
        'streams of one tenant at once',
        open,
        `at most ${most / 2}: half of ${most}`,
        open <= most / 2 && open > 0,
      ),
      none('refusals that are not 429', odd.length, odd.map(String)),
      requirement(
        'a stream of another tenant meanwhile',
        `${await small.status}, ${text.includes('followed') ? 'with its result' : 'without a result'}`,
        '200, with its result',
        (await small.status) === 200 && text.includes('followed'),
      ),
      figure('and of the first one, when the others are closed', reopened ? '200' : 'none'),
      ...rightAnswers(await neighbour.stop()),
      stillAlive(house),
    ];
  });
}

async function batchOf({ api }: TenantAccess, source: string): Promise<string> {
  const body = JSON.stringify({ runs: [{ source }] });
  return (await api.call<{ id: string }>('/v1/batches', { method: 'POST', type: 'application/json', body }))
    .id;
}

/** One request with a streaming answer. */
class Stream {
  /** 0 without an answer. */
  readonly status: Promise<number>;
  private readonly body: Promise<string>;
  private readonly call: ReturnType<typeof request>;

  constructor(house: House, tenant: TenantAccess, path: string) {
    this.call = request(house.scheduler.url + path, {
      agent: false,
      headers: { Authorization: `Bearer ${tenant.key}` },
    });
    const answer = new Promise<{ status: number; body: Promise<string> }>((resolve) => {
      this.call.once('response', (response) => {
        const chunks: string[] = [];
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => chunks.push(chunk));
        response.on('error', () => undefined); // closed follows
        const body = new Promise<string>((end) => response.once('close', () => end(chunks.join(''))));
        resolve({ status: response.statusCode ?? 0, body });
      });
      this.call.on('error', () => resolve({ status: 0, body: Promise.resolve('') }));
    });
    this.status = answer.then(({ status }) => status);
    this.body = answer.then(({ body }) => body);
    this.call.end();
  }

  /** The whole body, once it has ended. */
  text(): Promise<string> {
    return this.body;
  }

  close(): void {
    this.call.destroy();
  }
}
