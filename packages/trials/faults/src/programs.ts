import type { RunRequest } from '@sandpiper/contracts';
import type { Ended } from './checker.js';

/** Prints its number: so a result can be told from that of another run. */
export function mixedProgram(index: number): RunRequest {
  const work = [
    '',
    'import time; time.sleep(0.05)',
    'sum(i * i for i in range(300_000))',
    'import time; time.sleep(0.2)',
  ][index % 4];
  return { source: `${work}\nprint(${index})\n` };
}

/** As {@link mixedProgram}, but hardly any work. */
export const shortProgram = (index: number): RunRequest => ({ source: `print(${index})\n` });

/** What is wrong with a result, given which program each run is. */
export function expectNumbers(acknowledged: ReadonlyMap<number, string>): (ended: Ended) => string | null {
  const numbers = new Map([...acknowledged].map(([index, id]) => [id, index]));
  return ({ id, result }) => {
    // Given up, for it was there when three nodes died: that is looked at apart.
    if (result.status === 'internal-error') return null;
    if (result.status !== 'ok') return `ended as ${result.status}: ${result.message}`;
    return result.stdout === `${numbers.get(id)}\n` ? null : `printed ${JSON.stringify(result.stdout)}`;
  };
}
