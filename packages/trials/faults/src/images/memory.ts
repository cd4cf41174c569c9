import type { RunRequest, RunResult } from '@sandpiper/contracts';
import { type Observation, requirement } from '../observation.js';
import type { Stage } from '../stage.js';
import { until } from '../wait.js';
import { DISK_CEILING, type Farm, podMemory, withFarm } from './farm.js';

const MIB = 1024 * 1024;
/** MiB: of the container, as the chart computes it for one cell, and the largest limit by docs/sizing.md. */
const CONTAINER = podMemory(1);
const LARGEST = CONTAINER - 128 - 64;

const touching = (mebibytes: number): string =>
  `held = []\nfor _ in range(${mebibytes}): held.append(b'x' * ${MIB})\nprint(len(held))\n`;

/** Fills its disk, which the node holds in memory, up to the ceiling of the schedulers. */
const FILLING = `with open('/tmp/large', 'wb') as file:
    for _ in range(${DISK_CEILING} - 1): file.write(b'x' * ${MIB})
`;

interface Trial {
  readonly what: string;
  readonly request: RunRequest;
  readonly required: string;
  readonly met: (result: RunResult) => boolean;
}

const blamed = ({ status, signal }: RunResult): boolean => status === 'runtime-error' && signal === 'SIGKILL';

const TRIALS: readonly Trial[] = [
  {
    what: `a limit of ${CONTAINER} MiB, all that the container has`,
    request: { source: touching(CONTAINER), limits: { memoryBytes: CONTAINER * MIB } },
    required: 'refused in a line that says what a cell has',
    met: ({ status, message }) =>
      status === 'internal-error' && (message ?? '').includes(`a cell of this node has ${LARGEST} MiB`),
  },
  {
    what: `the same where the client accepts weaker limits`,
    request: {
      source: touching(CONTAINER),
      limits: { memoryBytes: CONTAINER * MIB },
      accept: { weakerLimits: true },
    },
    required: 'memory-limit',
    met: ({ status }) => status === 'memory-limit',
  },
  {
    what: `a program without end of memory, at the largest limit, ${LARGEST} MiB`,
    request: { source: touching(CONTAINER * 4), limits: { memoryBytes: LARGEST * MIB } },
    required: 'memory-limit',
    met: ({ status }) => status === 'memory-limit',
  },
  {
    what: `the same after it has filled ${DISK_CEILING} MiB of files, which the node holds`,
    request: { source: FILLING + touching(CONTAINER * 4), limits: { memoryBytes: LARGEST * MIB } },
    required: 'memory-limit',
    met: ({ status }) => status === 'memory-limit',
  },
  {
    what: 'a program that touches 8 MiB less than that limit after it has filled its files',
    request: { source: FILLING + touching(LARGEST - 8), limits: { memoryBytes: LARGEST * MIB } },
    required:
      'ok, or the container is at its end: memory-limit, or a retry, and not the SIGKILL of the kernel',
    met: (result) => !blamed(result),
  },
  {
    what: `a program that stays below ${LARGEST} MiB`,
    request: { source: touching(LARGEST - 32), limits: { memoryBytes: LARGEST * MIB } },
    required: 'ok',
    met: ({ status }) => status === 'ok',
  },
];

/** Runs that want as much memory as their container has, one after the other on one worker. */
export function memoryBounds({ say }: Stage): Promise<Observation[]> {
  return withFarm(async (farm) => {
    await farm.scheduler('scheduler');
    const worker = await farm.worker('worker', { cpus: 1, memory: CONTAINER });
    const findings: Observation[] = [];
    for (const trial of TRIALS) {
      const result = await resultOf(farm, trial.request);
      const measured = `${result.status}: ${result.message ?? 'no message'}`;
      say(`${trial.what}: ${measured}`);
      findings.push(requirement(trial.what, measured, trial.required, trial.met(result)));
    }
    const { Running, ExitCode } = await worker.state();
    const measured = Running ? 'running' : `ended with ${ExitCode}`;
    return [...findings, requirement('the worker after all of these', measured, 'running', Running)];
  });
}

async function resultOf({ api }: Farm, request: RunRequest): Promise<RunResult> {
  const id = await api.submit(request, crypto.randomUUID());
  return until(`run ${id} ends`, 180_000, async () => (await api.run(id, 10)).result);
}
