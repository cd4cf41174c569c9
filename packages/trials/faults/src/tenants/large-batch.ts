import { figure, type Observation, none } from '../observation.js';
import { Neighbour, quietHellos } from '../neighbour.js';
import type { Stage } from '../stage.js';
import { until } from '../wait.js';
import {
  type House,
  inClient,
  memoryBelow,
  rightAnswers,
  stillAlive,
  type TenantAccess,
  withHouse,
  within,
} from './house.js';

const MIB = 1024 * 1024;

/** Rate of each of two readers, bytes per second: less than the scheduler could send. */
const READER_BYTES_PER_SECOND = 64 * MIB;

export interface LargeBatchOptions {
  readonly runs: number;
  /** Output of each run, bytes. */
  readonly bytes: number;
  /** How often the whole batch is read, by both readers together. */
  readonly times: number;
  /** Whether times are judged: only on an otherwise idle machine. */
  readonly clocks: boolean;
}

/** Two slow readers repeatedly read a batch of large results, while another tenant works. */
export function largeBatch(stage: Stage, options: LargeBatchOptions): Promise<Observation[]> {
  const { runs, bytes, times, clocks } = options;
  // A tenant may keep a share of this; what is above it would lose its oldest results (docs/operating.md).
  const scheduler = { SANDPIPER_KEEP_BYTES: String(8 * runs * bytes) };
  return withHouse(stage, { scheduler }, async (house) => {
    const [heavy, other] = await Promise.all([house.tenant('heavy'), house.tenant('other')]);
    const batch = await makeBatch(stage, house, heavy, runs, bytes);
    const quiet = await quietHellos(other.api, 'quiet', 4);
    stage.say(`quiet: ${quiet.described()}; now two readers`);
    const neighbour = new Neighbour(other.api, 'beside');
    const job = { kind: 'read', url: house.scheduler.url, key: heavy.key, batch, runs, bytes } as const;
    const each = { ...job, times: Math.ceil(times / 2), bytesPerSecond: READER_BYTES_PER_SECOND };
    const reports = await Promise.all([inClient(each), inClient(each)]);
    const seen = await neighbour.stop();
    stage.say(seen.described());
    const faults = reports.flatMap((report) => report.faults);
    return [
      none(`what the readers missed of ${runs} results, read ${2 * each.times} times`, faults.length, faults),
      figure('answers to the readers', JSON.stringify(reports.map(({ statuses }) => statuses))),
      ...rightAnswers(seen),
      within("p99 of another tenant's POST", seen.postP99, clocks ? 250 : null),
      memoryBelow(house.scheduler, 400),
      stillAlive(house),
    ];
  });
}

async function makeBatch(
  stage: Stage,
  house: House,
  { api }: TenantAccess,
  runs: number,
  bytes: number,
): Promise<string> {
  const source = `import os\nfor _ in range(${bytes >> 16}): os.write(1, b"x" * 65536)\n`;
  const body = JSON.stringify({ runs: Array.from({ length: runs }, () => ({ source })) });
  const { id } = await api.call<{ id: string }>('/v1/batches', {
    method: 'POST',
    type: 'application/json',
    body,
  });
  const done = await until(
    'the batch has ended',
    1000 * (60 + 3 * runs),
    async () => {
      const { done } = await api.call<{ done: number }>(`/v1/batches/${id}?results=false`);
      return done === runs ? done : null;
    },
    500,
  );
  stage.say(`${done} results of ${bytes / MIB} MiB are made on ${house.node.name}`);
  return id;
}
