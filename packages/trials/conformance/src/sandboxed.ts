import { readFileSync } from 'node:fs';
import { DEFAULT_RUNTIME, runLocally } from '@sandpiper/controller';
import { runtimeOfPath, withLibraries } from '@sandpiper/controller/runtimes';
import { PYTHONHASHSEED } from './sides.js';

/**
 * A separate process for one sandboxed run: the guest's streams are this process's, so the parent reads them
 * as it reads those of the bare interpreter. The result goes to the parent as a message.
 *
 * Usage: sandboxed.js DRIVER MODULE [INTERPRETER [LIBRARY]]; standard input is the driver's. A SIGTERM cancels the run.
 */
const [driver = '', module = '', interpreter, library] = process.argv.slice(2);
const plain = interpreter === undefined ? DEFAULT_RUNTIME : { ...runtimeOfPath(interpreter), env: {} };
const runtime = library === undefined ? plain : withLibraries(plain, [library]);

const MIB = 1024 * 1024;
/** The highest limits of the contracts: limits are not what is compared. */
const LIMITS = {
  cpuMs: 3_600_000,
  wallMs: 7_200_000,
  memoryBytes: 4096 * MIB,
  outputBytes: 256 * MIB,
  diskBytes: 1024 * MIB,
  files: 100_000,
  openFiles: 1024,
  syscalls: 1_000_000_000,
};

/** Outside the working directory, where tests may remove anything. */
const DRIVER = '/conformance/driver.py';

const abort = new AbortController();
process.on('SIGTERM', () => abort.abort());

const result = await runLocally(
  {
    request: { args: [module], env: { TMPDIR: '/tmp', PYTHONHASHSEED }, limits: LIMITS },
    interpreter: { engine: 'seccomp', runtime },
    folder: '/box',
    programPath: DRIVER,
    program: readFileSync(driver),
    files: [],
    stdin: { kind: 'buffer', data: readFileSync(0) },
    output: 'pass-through',
    tracePath: process.env['CONFORMANCE_TRACE'] ?? null,
    mounts: [],
    deterministic: null,
    outputs: [],
  },
  { signal: abort.signal },
);
const { status, message, deniedCalls } = result;
process.send?.({ how: message === null ? status : `${status}: ${message}`, deniedCalls });
process.disconnect?.();
