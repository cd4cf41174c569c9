import type { Redis } from 'ioredis';
import { countEnded } from './checker.js';
import { sleep } from './wait.js';

/** How often to look how many runs have ended, milliseconds. */
const LOOK_MS = 20;

export interface Strikes {
  readonly redis: Redis;
  readonly runs: number;
  readonly kills: number;
  /** Whether no further kill could hit anything; by default, when all runs have ended. */
  readonly over?: (ended: number) => boolean;
  readonly say: (line: string) => void;
}

/**
 * Kills in step with the ends of the runs, so that the last run does not end before the last kill; `kill` waits for a
 * random moment in between. Returns the number of kills.
 */
export async function strikeBetweenEnds(strikes: Strikes, kill: () => Promise<void>): Promise<number> {
  const { redis, runs, kills, over = (ended: number) => ended >= runs, say } = strikes;
  let done = 0;
  while (done < kills) {
    const ended = await countEnded(redis);
    if (over(ended)) break;
    if (ended < (runs * done) / kills) {
      say(`${ended} of ${runs} runs ended, ${done} of ${kills} kills`);
      await sleep(LOOK_MS);
      continue;
    }
    await kill();
    done += 1;
  }
  return done;
}
