import { Refusal } from '../api.js';
import { check, countEnded, untilEnded } from '../checker.js';
import { Load } from '../load.js';
import { figure, none, type Observation, requirement } from '../observation.js';
import { expectNumbers, mixedProgram } from '../programs.js';
import type { Stage } from '../stage.js';
import { sleep } from '../wait.js';
import { Witness } from '../witness.js';
import type { EngineContainer } from './docker.js';
import { type Departure, type Farm, withFarm } from './farm.js';
import { leftInOrder } from './pod.js';

/** Runs a second, where the machine has the time for them. */
const RATE = 20;
/** Submissions at once, at most. */
const LANES = 20;
/** One of this many runs has a client that waits for its result. */
const WAITED = 10;

/**
 * Schedulers and workers are replaced one after the other, each when its successor is ready, under a load that lasts as
 * long, and `seconds` at least.
 */
export function rolling({ say }: Stage, seconds: number): Promise<Observation[]> {
  return withFarm(async (farm) => {
    const redis = farm.connect();
    const witness = await Witness.begin(farm.connect());
    const old = [await farm.scheduler('scheduler-1'), await farm.scheduler('scheduler-2')];
    for (const name of ['worker-1', 'worker-2', 'worker-3']) old.push(await farm.worker(name, { cpus: 1 }));

    const waiting = new Waiting(farm);
    const begun = performance.now();
    const elapsed = (): number => performance.now() - begun;
    const load = steadyLoad(farm, waiting, elapsed);
    const submitting = load.run();
    const departures: Departure[] = [];
    let replaced = 0;
    try {
      for (const [index, leaving] of old.entries()) {
        // Spread over the time of the load.
        await sleep(Math.max(0, (1000 * seconds * (index + 0.5)) / (old.length + 1) - elapsed()));
        departures.push(await replace(farm, leaving));
        say(`${leaving.name} has left; ${await countEnded(redis)} of ${load.ids.length} runs ended`);
      }
      replaced = load.ids.length;
      await sleep(Math.max(1000, 1000 * seconds - elapsed()));
    } finally {
      // Also where a replacement fails: nothing may be sent to a farm that is gone.
      load.stop();
      await submitting;
    }
    const took = elapsed() / 1000;
    const count = load.ids.length;
    await untilEnded(redis, count);
    await waiting.end();
    const { findings, ended } = await check({
      redis,
      witness,
      acknowledged: load.ids,
      nothingDied: true,
      expect: expectNumbers(load.acknowledged),
    });
    const twice = ended.filter(({ result }) => result.attempt !== 1).map(({ id }) => id);
    return [
      figure('load', `${count} runs in ${took.toFixed(0)} s, ${(count / took).toFixed(1)} a second`),
      requirement('runs accepted after the last replacement', count - replaced, 'some', count > replaced),
      ...departures.map(leftInOrder),
      requirement(
        'answers to submissions that were not 202',
        load.describedRefusals,
        'none but 503',
        [...load.refusals.keys()].every((status) => status === 503),
      ),
      none('submissions that a client had to send more than twice', load.refusedTwice.length),
      none('failed requests of clients that wait for a result', waiting.failures.length, waiting.failures),
      requirement(
        'results that they got',
        `${waiting.got} of ${waiting.wanted}`,
        'all',
        waiting.got === waiting.wanted,
      ),
      none('runs that began twice', twice.length, twice),
      ...findings,
    ];
  });
}

function steadyLoad(farm: Farm, waiting: Waiting, elapsed: () => number): Load {
  // Every lane begins at once; from then on each submission has its time.
  let next = LANES;
  return new Load({
    api: farm.api,
    count: Number.MAX_SAFE_INTEGER,
    concurrency: LANES,
    request: mixedProgram,
    pauseMs: () => Math.max(0, (1000 * next++) / RATE - elapsed()),
    onAcknowledged: (id, index) => {
      if (index % WAITED === 0) waiting.begin(id);
    },
  });
}

async function replace(farm: Farm, leaving: EngineContainer): Promise<Departure> {
  const name = `${leaving.name}-new`;
  await (leaving.name.startsWith('scheduler') ? farm.scheduler(name) : farm.worker(name, { cpus: 1 }));
  return farm.retire(leaving);
}

/** Clients that wait for their results with `?wait`; each asks once more where a scheduler answers 503. */
class Waiting {
  got = 0;
  readonly failures: string[] = [];
  private readonly all: Promise<void>[] = [];

  constructor(private readonly farm: Farm) {}

  get wanted(): number {
    return this.all.length;
  }

  begin(id: string): void {
    const result = this.result(id).catch((error: unknown) => {
      this.failures.push(String(error));
    });
    this.all.push(result);
  }

  async end(): Promise<void> {
    await Promise.all(this.all);
  }

  private async result(id: string): Promise<void> {
    const ask = () => this.farm.api.run(id, 20);
    for (;;) {
      const answer = await ask().catch((error: unknown) => {
        if (error instanceof Refusal && error.status === 503) return ask();
        throw error;
      });
      if (answer.state !== 'done') continue;
      this.got += 1;
      return;
    }
  }
}
