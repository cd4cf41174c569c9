import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { completeLimits } from '@sandpiper/contracts';

/**
 * For watchdog.guest.test.ts: runs in a copy of the checkout whose virtual kernel never answers getsid, and
 * makes a file when it is asked. Prints, a line each, the end of a run that asks, and what one beside it in
 * another cell has written.
 */
const [, , controller, how, asked] = process.argv;
const { Cell } = await import(controller);

const say = (what) => void process.stdout.write(`${JSON.stringify(what)}\n`);
const start = (id) => Cell.start({ id, cpu: null, node: 'n', rpython: null });
const [stuck, other] = await Promise.all([start(0), start(1)]);
const run = (cell, id, source, wallMs) =>
  cell.run({ id, attempt: 1, request: { source, limits: completeLimits({ wallMs }) } });

const beside = run(
  other,
  'beside',
  'import time\nfor _ in range(40): time.sleep(0.1)\nprint("whole")',
  60_000,
);
const running = run(stuck, 'stuck', 'import os\nos.getsid(0)', how === 'wall' ? 1_000 : 60_000);
if (how === 'cancel') {
  const signal = AbortSignal.timeout(30_000);
  while (!existsSync(asked)) await sleep(10, undefined, { signal });
  stuck.cancel('stuck');
}
const { status, message } = await running;
say({ status, message, died: String(await stuck.closed) });
say({ stdout: (await beside).stdout });
await Promise.all([stuck.close(), other.close()]);
