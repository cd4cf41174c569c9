// run-traced.mjs JSON: runs one program in a cell of its own and prints the result; for tests that look at it
// from outside (strace). The object has `source`, and may have `profile` and `interpreter`.
import { DEFAULT_LIMITS } from '@sandpiper/contracts';
import { Cell } from '@sandpiper/controller';

const { source, profile = null, interpreter = { engine: 'seccomp' } } = JSON.parse(process.argv[2]);
const cell = await Cell.start({ id: 0, cpu: null, node: null, rpython: null, profile });
const result = await cell.runJob({
  id: 'traced',
  attempt: 1,
  interpreter,
  programPath: 'main.py',
  args: [],
  env: {},
  folder: '/box',
  files: [{ path: '/box/main.py', data: Buffer.from(source) }],
  mounts: [],
  stdin: { kind: 'buffer', data: Buffer.alloc(0) },
  output: 'capture',
  tracePath: null,
  deterministic: null,
  outputs: [],
  limits: DEFAULT_LIMITS,
});
await cell.close();
process.stdout.write(JSON.stringify(result));
