import { completeLimits, type Limits, type RunResult } from '@sandpiper/contracts';
import { availableCpus, Cell, type GuestJob } from '@sandpiper/controller';

/** One cell as a node has it: pinned to a CPU. */
export class Bench {
  #count = 0;

  private constructor(
    private readonly cell: Cell,
    readonly cpu: number,
  ) {}

  static async start(): Promise<Bench> {
    const cpu = availableCpus()[0] ?? 0;
    return new Bench(await Cell.start({ id: 0, cpu, node: null, rpython: null }), cpu);
  }

  run(source: string, limits: Partial<Limits> = {}, args: readonly string[] = []): Promise<RunResult> {
    return this.cell.runJob(jobOf(`experiment-${++this.#count}`, source, limits, args));
  }

  /** Like {@link run}; `onOutput` is told when the program says its first word. */
  runLive(source: string, limits: Partial<Limits>, onOutput: () => void): Promise<RunResult> {
    const job: GuestJob = { ...jobOf(`experiment-${++this.#count}`, source, limits), output: 'live' };
    return this.cell.runJob(job, { onOutput, onInput: () => Promise.resolve(null) });
  }

  close(): Promise<void> {
    return this.cell.close();
  }
}

export function jobOf(
  id: string,
  source: string,
  limits: Partial<Limits> = {},
  args: readonly string[] = [],
): GuestJob {
  return {
    id,
    attempt: 1,
    interpreter: { engine: 'seccomp' },
    programPath: 'main.py',
    args,
    env: {},
    folder: '/box',
    files: [{ path: '/box/main.py', data: Buffer.from(source) }],
    mounts: [],
    stdin: { kind: 'buffer', data: new Uint8Array() },
    output: 'capture',
    tracePath: null,
    deterministic: null,
    outputs: [],
    limits: completeLimits(limits),
  };
}
