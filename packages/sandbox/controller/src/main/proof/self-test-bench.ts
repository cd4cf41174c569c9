import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  completeLimits,
  type LimitsRequest,
  type RunResult,
  type RunStatus,
  RUN_FOLDER,
} from '@sandpiper/contracts';
import { cgroupFolder, TRANSLATED_GUEST_PATH } from '@sandpiper/guest';
import type { Cell } from '../cell/cell.js';
import type { GuestJob } from '../../crossing/job.js';
import { type Interpreter, LIBRARY_FOLDERS, type StockInterpreter } from '../../crossing/engines.js';

const MIB = 1024 * 1024;

/** For programs that end by themselves. A busy machine shall not look like an open one. */
export const PATIENT: LimitsRequest = { cpuMs: 10_000, wallMs: 20_000, memoryBytes: 64 * MIB };

/** How memory may be reported as enforced, by what the host delegates. */
const HOLDERS = { v1: 'cgroup-v1', v2: 'cgroup-v2', none: 'keeper-watch' } as const;

/** One check: null when it held, else one line. */
export type Check = readonly [name: string, try_: (bench: SelfTestBench) => Promise<string | null>];

/** The cell that runs the programs of a self-test, and a file beside it that no program may find. */
export class SelfTestBench {
  readonly canary: string;
  /** Does not exist, unless a program has made it. */
  readonly absent: string;
  /**
   * The attacker of a translation, which runs no native code: a C program of ours stands in for the
   * interpreter.
   */
  readonly attacker: Interpreter;

  constructor(
    private readonly cell: Cell,
    folder: string,
    readonly stock: StockInterpreter = { engine: 'seccomp' },
  ) {
    // Only the sandbox shall keep the guests from it: when we are root, they run as another user.
    chmodSync(folder, 0o755);
    this.canary = join(folder, 'canary');
    writeFileSync(this.canary, randomBytes(16).toString('hex'), { mode: 0o644 });
    this.absent = join('/tmp', `sandpiper-self-test-${randomBytes(8).toString('hex')}`);
    for (const name of LIBRARY_FOLDERS) mkdirSync(join(folder, name), { mode: 0o755 });
    this.attacker = { engine: 'rpython', executable: TRANSLATED_GUEST_PATH, library: folder };
  }

  run(
    source: string,
    limits: LimitsRequest,
    interpreter: Interpreter = this.stock,
    start: 'forked' | 'cold' = 'forked',
    deterministic: GuestJob['deterministic'] = null,
  ): Promise<RunResult> {
    return this.cell.runJob({
      id: 'self-test',
      attempt: 1,
      interpreter,
      programPath: 'main.py',
      args: [this.canary, this.absent],
      // A run with a variable that the interpreter obeys at its start cannot be forked.
      env: start === 'cold' ? { PYTHONDONTWRITEBYTECODE: '1' } : {},
      folder: RUN_FOLDER,
      files: [{ path: `${RUN_FOLDER}/main.py`, data: Buffer.from(source) }],
      mounts: [],
      stdin: { kind: 'buffer', data: Buffer.alloc(0) },
      output: 'capture',
      tracePath: null,
      deterministic,
      outputs: [],
      limits: completeLimits(limits),
    });
  }

  /** Whether a program has made a file on the host; then removes it. */
  foundOnHost(): boolean {
    if (!existsSync(this.absent)) return false;
    rmSync(this.absent, { force: true });
    return true;
  }

  /** Null where the run ends with that status, else how it ended. */
  async endsAs(
    status: RunStatus,
    source: string,
    limits: LimitsRequest,
    interpreter?: Interpreter,
  ): Promise<string | null> {
    const result = await this.run(source, limits, interpreter);
    return result.status === status ? null : `${ending(result)}, not ${status}`;
  }

  /** The mechanism that this host is expected to report. */
  async holdsMemory(source: string, interpreter?: Interpreter): Promise<string | null> {
    const result = await this.run(source, { ...PATIENT, memoryBytes: 16 * MIB }, interpreter);
    if (result.status !== 'memory-limit') return `${ending(result)}, not memory-limit`;
    const holder = HOLDERS[cgroupFolder().kind];
    const { memory } = result.enforcement;
    return memory === holder ? null : `enforced by ${memory} instead of ${holder}`;
  }
}

export function ending({ status, message }: RunResult): string {
  return message === null ? status : `${status} (${message})`;
}
