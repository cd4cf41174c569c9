import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { cpuTickMs, enforcerOfCpu } from '../src/crossing/cpu-clock.js';

it('the CPU clocks of Linux are exact, also beside a thread that is at work', async () => {
  const busy = new Worker('for (;;) ;', { eval: true });
  try {
    await new Promise((resolve) => busy.once('online', resolve));
    expect(cpuTickMs()).toBe(0);
    expect(enforcerOfCpu()).toBe('keeper-clock');
  } finally {
    await busy.terminate();
  }
});
