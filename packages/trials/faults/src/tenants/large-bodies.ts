import { figure, type Observation, none } from '../observation.js';
import { Neighbour, quietHellos } from '../neighbour.js';
import { nearestRank } from '../nearest-rank.js';
import type { Stage } from '../stage.js';
import { sleep } from '../wait.js';
import { inClient, memoryBelow, rightAnswers, stillAlive, withHouse, within } from './house.js';

const HEALTH_EVERY_MS = 50;

/** A probe of /healthz gives up after this time, milliseconds: a later answer counts as none. */
const HEALTH_TIMEOUT_MS = 30_000;

export interface LargeBodiesOptions {
  readonly count: number;
  readonly bytes: number;
  /** Whether times are judged: only on an otherwise idle machine. */
  readonly clocks: boolean;
}

/**
 * One tenant sends many large bodies at once; the scheduler meanwhile answers its probes and the other
 * tenants.
 */
export function largeBodies(
  stage: Stage,
  { count, bytes, clocks }: LargeBodiesOptions,
): Promise<Observation[]> {
  return withHouse(stage, {}, async (house) => {
    const [heavy, other] = await Promise.all([house.tenant('heavy'), house.tenant('other')]);
    const quiet = await quietHellos(other.api, 'quiet', 4);
    stage.say(`quiet: ${quiet.described()}; now ${count} bodies`);
    const neighbour = new Neighbour(other.api, 'beside');
    const health = new Probe(house.scheduler.url);
    const report = await inClient({ kind: 'bodies', url: house.scheduler.url, key: heavy.key, count, bytes });
    const { latencies, faults } = await health.stop();
    const seen = await neighbour.stop();
    stage.say(`${seen.described()}; answers to the bodies: ${JSON.stringify(report.statuses)}`);
    const odd = Object.keys(report.statuses).filter((status) => !['202', '413', '429'].includes(status));
    return [
      none('answers to the bodies that are neither 202, 413 nor 429', odd.length, [...odd, ...report.faults]),
      figure('answers to the bodies, by status', JSON.stringify(report.statuses)),
      none(`probes of /healthz without a 200, of ${latencies.length}`, faults.length, faults),
      within('p99 of /healthz', nearestRank(latencies, 0.99), clocks ? 100 : null),
      ...rightAnswers(seen),
      figure('the hellos', seen.described()),
      memoryBelow(house.scheduler, 800),
      stillAlive(house),
    ];
  });
}

/** Repeatedly asks whether a service is alive. */
class Probe {
  private readonly latencies: number[] = [];
  private readonly faults: string[] = [];
  private stopped = false;
  private readonly asking: Promise<void>;

  constructor(private readonly url: string) {
    this.asking = this.ask();
  }

  async stop(): Promise<{ readonly latencies: readonly number[]; readonly faults: readonly string[] }> {
    this.stopped = true;
    await this.asking;
    return { latencies: this.latencies, faults: this.faults };
  }

  private async ask(): Promise<void> {
    while (!this.stopped) {
      const asked = performance.now();
      try {
        const { status } = await fetch(`${this.url}/healthz`, {
          signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
        });
        if (status !== 200) this.faults.push(String(status));
      } catch (error) {
        this.faults.push((error as Error).message);
      }
      this.latencies.push(performance.now() - asked);
      await sleep(HEALTH_EVERY_MS);
    }
  }
}
