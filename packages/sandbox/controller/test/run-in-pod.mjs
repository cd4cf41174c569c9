// run-in-pod.mjs JSON: a node in small. Runs one program in a cell and prints how it ended. With `hog` another process
// takes memory from the program's first output on, so that the kernel must end something in the group that all are in.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { completeLimits } from '@sandpiper/contracts';
import { Cell } from '@sandpiper/controller';

/**
 * Not this process: the kernel may end a second one while the guest that it has chosen is still on its way out, and then
 * takes the largest.
 */
const HOG =
  'const taken = []; const take = () => { taken.push(Buffer.alloc(4 << 20, 1)); setImmediate(take); }; take();';
/** How often the guests are looked at, milliseconds. */
const LOOK_MS = 2;

const {
  source,
  memoryBytes,
  hog = false,
  forked = false,
  wallMs = 60_000,
  files = {},
} = JSON.parse(process.argv[2]);
const complaints = [];
const cell = await Cell.start({
  ...{ id: 0, cpu: null, node: null, rpython: null, profile: forked ? [] : null },
  onUnprepared: (why) => complaints.push(why),
}).catch((error) => {
  process.stdout.write(JSON.stringify({ error: error.message }));
  process.exit(0);
});
let begun = false;
let said = '';
const childrenOf = (pid) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
/** It has ended, or SIGKILL is on its way to it. */
const isDying = (pid) => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return (
      /^State:\s+[ZX]/m.test(status) || /^S(?:ig|hd)Pnd:\s+[0-9a-f]*[13579bdf][0-9a-f]{2}$/m.test(status)
    );
  } catch {
    return true;
  }
};
/** Until the kernel has ended a guest for it. */
const takeMemory = () => {
  const guests = childrenOf(process.pid).flatMap(childrenOf);
  const taker = spawn(process.execPath, ['-e', HOG], { stdio: 'ignore' });
  const looks = setInterval(() => {
    if (!guests.some(isDying)) return;
    clearInterval(looks);
    taker.kill('SIGKILL');
  }, LOOK_MS);
};
const streams = {
  onOutput: (_stream, data) => {
    said += Buffer.from(data).toString();
    if (!begun && hog) takeMemory();
    begun = true;
  },
  onInput: () => Promise.resolve(null),
};
const answer = await cell
  .runJob(
    {
      id: 'one',
      attempt: 1,
      interpreter: { engine: 'seccomp' },
      programPath: 'main.py',
      args: [],
      env: {},
      folder: '/box',
      files: Object.entries({ 'main.py': Buffer.from(source), ...files }).map(([name, data]) => ({
        path: `/box/${name}`,
        data: Buffer.from(data),
      })),
      mounts: [],
      stdin: { kind: 'buffer', data: Buffer.alloc(0) },
      output: 'live',
      tracePath: null,
      deterministic: null,
      outputs: [],
      limits: completeLimits({ memoryBytes, cpuMs: 60_000, wallMs }),
      accept: { weakerLimits: true },
    },
    streams,
  )
  .then(
    ({ status, message, usage, start }) => ({
      status,
      message,
      start,
      said,
      syscalls: usage.syscalls,
      complaints,
    }),
    (error) => ({ error: error.name }),
  );
process.stdout.write(JSON.stringify(answer));
await cell.close();
