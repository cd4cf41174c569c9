import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { completeLimits, type LimitsRequest, type RunResult, type RunStatus } from '@sandpiper/contracts';
import { cgroupPlace, TRANSLATED_GUEST_PATH } from '@sandpiper/guest';
import type { Cell } from '../cell/cell.js';
import { type Interpreter, LIBRARY_FOLDERS } from '../../crossing/engines.js';
import { RUN_FOLDER } from '../../crossing/job.js';

const MIB = 1024 * 1024;

/** Of what ends by itself. A machine that is busy shall not look as one that is open. */
export const PATIENT: LimitsRequest = { cpuMs: 10_000, wallMs: 20_000, memoryBytes: 64 * MIB };

/** Memory that holders of the limit say they hold it with, by what the host lends. */
const HOLDERS = { v1: 'cgroup-v1', v2: 'cgroup-v2', none: 'keeper-watch' } as const;

/** What is tried; null when it held, else one line. */
export type Check = readonly [name: string, try_: (bench: SelfTestBench) => Promise<string | null>];

/** The cell that runs the programs of a self-test, and a file beside it that no program may find. */
export class SelfTestBench {
  readonly canary: string;
  /** Is not there, unless a program has made it. */
  readonly absent: string;
  /** What a translation is attacked by: no native code can be brought into one, so a program of ours stands in its place. */
  readonly attacker: Interpreter;

  constructor(
    private readonly cell: Cell,
    folder: string,
  ) {
    // Nothing but the sandbox is to keep it from the guests, who are nobody when we are root.
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
    interpreter: Interpreter = { engine: 'seccomp' },
    start: 'forked' | 'cold' = 'forked',
  ): Promise<RunResult> {
    return this.cell.runJob({
      id: 'self-test',
      attempt: 1,
      interpreter,
      programPath: 'main.py',
      args: [this.canary, this.absent],
      // A variable that an interpreter obeys at its start is nothing for a fork.
      env: start === 'cold' ? { PYTHONDONTWRITEBYTECODE: '1' } : {},
      folder: RUN_FOLDER,
      files: [{ path: `${RUN_FOLDER}/main.py`, data: Buffer.from(source) }],
      mounts: [],
      stdin: { kind: 'buffer', data: Buffer.alloc(0) },
      output: 'capture',
      tracePath: null,
      deterministic: null,
      outputs: [],
      limits: completeLimits(limits),
    });
  }

  /** Whether a program has made a file on the host; then it is taken away. */
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

  /** By whom this host says that it is held. */
  async holdsMemory(source: string, interpreter?: Interpreter): Promise<string | null> {
    const result = await this.run(source, { ...PATIENT, memoryBytes: 16 * MIB }, interpreter);
    if (result.status !== 'memory-limit') return `${ending(result)}, not memory-limit`;
    const holder = HOLDERS[cgroupPlace().kind];
    const { memory } = result.enforcement;
    return memory === holder ? null : `held by ${memory}, where it should be ${holder}`;
  }
}

export function ending({ status, message }: RunResult): string {
  return message === null ? status : `${status} (${message})`;
}
