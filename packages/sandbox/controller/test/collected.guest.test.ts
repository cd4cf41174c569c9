import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { textOf } from '@sandpiper/contracts';
import { expect, it } from 'vitest';
import { Cell } from '@sandpiper/controller';
import { runSource } from './local.js';

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

/** What is held once all garbage is collected, bytes. */
async function held(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise(setImmediate);
  }
  return process.memoryUsage().heapUsed;
}

const OUTPUT = 100_000;
const RUNS = 1_000;

it(`a cell holds nothing of ${RUNS} runs that wrote ${OUTPUT} bytes each`, async () => {
  const cell = await Cell.start({ id: 1, cpu: null, node: null, rpython: null, profile: [] });
  const run = async (): Promise<void> => {
    const result = await runSource(cell, `print('x' * ${OUTPUT - 1})`);
    expect([result.status, textOf(result, 'stdout').length]).toEqual(['ok', OUTPUT]);
  };
  try {
    for (let i = 0; i < 50; i++) await run();
    const before = await held();
    for (let i = 0; i < RUNS; i++) await run();
    // A twentieth of what they wrote; keeping it all would be twenty times as much.
    expect((await held()) - before).toBeLessThan((RUNS * OUTPUT) / 20);
  } finally {
    await cell.close();
  }
});
