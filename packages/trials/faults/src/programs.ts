import type { RunRequest } from '@sandpiper/contracts';
import type { Ended } from './checker.js';

/** Prints its number, so that a result can be told from another run's. */
export function mixedProgram(index: number): RunRequest {
  const work = [
    '',
    'import time; time.sleep(0.05)',
    'sum(i * i for i in range(300_000))',
    'import time; time.sleep(0.2)',
  ][index % 4];
  return { source: `${work}\nprint(${index})\n` };
}

/** As {@link mixedProgram}, with hardly any work. */
export const shortProgram = (index: number): RunRequest => ({ source: `print(${index})\n` });

/** What is wrong with a result, given each run's program. */
export function expectNumbers(acknowledged: ReadonlyMap<number, string>): (ended: Ended) => string | null {
  const numbers = new Map([...acknowledged].map(([index, id]) => [id, index]));
  return ({ id, result }) => {
    // Given up, because it was running when three nodes died: checked separately.
    if (result.status === 'internal-error') return null;
    if (result.status !== 'ok') return `ended as ${result.status}: ${result.message}`;
    return result.stdout === `${numbers.get(id)}\n` ? null : `printed ${JSON.stringify(result.stdout)}`;
  };
}
