import type { RunState } from '@sandpiper/contracts';
import { Refusal } from '../api.js';
import { requirement, figure, type Observation, none } from '../observation.js';
import { Neighbour } from '../neighbour.js';
import { descendantsOf, parentOf, residentBytes } from '../processes.js';
import type { Stage } from '../stage.js';
import { sleep, until } from '../wait.js';
import { rightAnswers, stillAlive, withHouse } from './house.js';

const MIB = 1024 * 1024;

/** Memory that marks a poison guest: no hello takes as much. */
const POISON_BYTES = 120 * MIB;
const POISON = `kept = bytearray(${POISON_BYTES})\nfor i in range(0, len(kept), 4096): kept[i] = 1\nimport time\ntime.sleep(20)\n`;

/** Requests that would not fit into a keeper's frame (6 MB of arguments), and runs that kill their cell. */
export function poisonRuns(stage: Stage, count: number): Promise<Observation[]> {
  return withHouse(stage, {}, async (house) => {
    const [heavy, other] = await Promise.all([house.tenant('heavy'), house.tenant('other')]);
    const neighbour = new Neighbour(other.api, 'beside');

    const words = Array.from({ length: 100 }, () => 'x'.repeat(60_000));
    const answers: string[] = [];
    for (let i = 0; i < count; i++) {
      const request = { source: 'print("large")', args: words };
      const answer = await heavy.api.submit(request, `args-${i}`).catch((error: unknown) => {
        if (error instanceof Refusal) return String(error.status);
        throw error;
      });
      answers.push(answer);
    }
    const accepted = answers.filter((answer) => !/^4\d\d$/.test(answer));
    stage.say(`6 MB of arguments, ${count} times: ${accepted.length} accepted`);

    const ids = await Promise.all(
      Array.from({ length: count }, (_, i) => heavy.api.submit({ source: POISON }, `poison-${i}`)),
    );
    const executioner = new Executioner(house.node.pid);
    const ends: RunState[] = [];
    for (const id of ids) {
      const ended = await until('a poison run ends', 240_000, async () => {
        const run = await heavy.api.run(id, 5);
        return run.state === 'done' ? run : null;
      });
      ends.push(ended);
    }
    const kills = executioner.stop();
    stage.say(`${count} runs whose cell dies have ended; ${kills} cells were killed`);
    // A killed cell returns, and then two cells answer the hellos again.
    await until(
      'the node is ready',
      60_000,
      async () => (await fetch(`${house.node.url}/readyz`)).status === 200,
    );
    const seen = await neighbour.stop();
    const unjust = ends.filter(({ result }) => result?.status !== 'internal-error');
    return [
      none('requests with 6 MB of arguments that were accepted', accepted.length, accepted),
      none(
        'runs that killed their cell and ended as anything but internal-error',
        unjust.length,
        unjust.map(({ id, result }) => `${id} ${result?.status}`),
      ),
      requirement('cells that died', kills, `at most ${3 * count}: three per run`, kills <= 3 * count),
      ...rightAnswers(seen),
      figure('the hellos', seen.described()),
      stillAlive(house),
    ];
  });
}

/** Kills the keeper of each marked guest, as a fault of ours in its cell would. */
class Executioner {
  private kills = 0;
  private stopped = false;
  private readonly dead = new Set<number>();

  constructor(private readonly node: number) {
    void this.watch();
  }

  /** @returns how many cells it has killed */
  stop(): number {
    this.stopped = true;
    return this.kills;
  }

  private async watch(): Promise<void> {
    while (!this.stopped) {
      for (const { pid } of descendantsOf(this.node)) {
        if (residentBytes(pid) < POISON_BYTES) continue;
        const keeper = parentOf(pid);
        if (keeper === null || keeper === this.node || keeper === 1 || this.dead.has(keeper)) continue;
        this.dead.add(keeper);
        this.kills += 1;
        try {
          process.kill(keeper, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
      }
      await sleep(50);
    }
  }
}
