// run-in-pod.mjs JSON: a node in small. Runs one program in a cell and prints how it ended. With `hog` this process takes
// memory from the program's first output on, so that the kernel must end something in the group that both are in.
import { completeLimits } from '@sandpiper/contracts';
import { Cell } from '@sandpiper/controller';

const STEP_BYTES = 4 << 20;

const { source, memoryBytes, hog = false, forked = false } = JSON.parse(process.argv[2]);
const cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile: forked ? [] : null });
let begun = false;
let over = false;
const taken = [];
const takeMore = () => {
  if (over) return;
  taken.push(Buffer.alloc(STEP_BYTES, 1));
  setImmediate(takeMore);
};
const streams = {
  onOutput: () => {
    if (!begun && hog) takeMore();
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
      files: [{ path: '/box/main.py', data: Buffer.from(source) }],
      mounts: [],
      stdin: { kind: 'buffer', data: Buffer.alloc(0) },
      output: 'live',
      tracePath: null,
      deterministic: null,
      outputs: [],
      limits: completeLimits({ memoryBytes, cpuMs: 60_000, wallMs: 60_000 }),
      accept: { weakerLimits: true },
    },
    streams,
  )
  .then(
    ({ status, message, enforcement, start }) => ({ status, message, memory: enforcement.memory, start }),
    (error) => ({ error: error.name }),
  );
over = true;
process.stdout.write(JSON.stringify(answer));
await cell.close();
