import { randomUUID } from 'node:crypto';
import { posix } from 'node:path';
import { bytesOf, completeLimits, type RefusedKind, type RunResult, RUN_FOLDER } from '@sandpiper/contracts';
import { Cell, CellDiedError, DEFAULT_PROFILE } from '@sandpiper/controller';
import { type ProgramEnd, withoutDurations } from './ended.js';
import type { ProgramCase } from './programs.js';

/** How interpreters start: from a parked parent, as on a node, or anew. */
export const HOWS = ['forked', 'cold'] as const;
export type How = (typeof HOWS)[number];

export interface SandboxedEnd extends ProgramEnd {
  readonly status: RunResult['status'];
  readonly message: string | null;
  readonly refused: readonly RefusedKind[];
  readonly start: string;
  readonly ms: number;
}

/** The default limits, but for time: as much as is fair beside what the program took bare. */
function limitsBeside(bareMs: number) {
  return completeLimits({ cpuMs: 10_000 + Math.ceil(4 * bareMs) });
}

/** A cell that runs one program after the other; a new one takes its place when it dies. */
export class CellSide {
  #cell: Cell | null = null;

  constructor(
    private readonly how: How,
    private readonly id: number,
    private readonly cells: number,
  ) {}

  /** Rejects when the sandbox itself fails. */
  async run(programCase: ProgramCase, bareMs: number): Promise<SandboxedEnd> {
    this.#cell ??= await Cell.start({
      id: this.id,
      cpu: null,
      node: null,
      rpython: null,
      cells: this.cells,
      profile: this.how === 'forked' ? DEFAULT_PROFILE : null,
    });
    try {
      return endOfRun(
        await this.#cell.runJob({
          id: randomUUID(),
          attempt: 1,
          interpreter: { engine: 'seccomp' },
          programPath: programCase.entry,
          args: [],
          env: {},
          folder: RUN_FOLDER,
          files: programCase.files.map(({ path, data }) => ({ path: posix.join(RUN_FOLDER, path), data })),
          mounts: [],
          stdin: { kind: 'buffer', data: programCase.stdin },
          output: 'capture',
          tracePath: null,
          deterministic: null,
          outputs: [],
          limits: limitsBeside(bareMs),
        }),
      );
    } catch (error) {
      if (error instanceof CellDiedError) await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#cell?.close();
    this.#cell = null;
  }
}

/** A result as {@link firstDifference} compares it. */
export function endOfRun(result: RunResult): SandboxedEnd {
  const text = (name: 'stdout' | 'stderr') => withoutDurations(bytesOf(result, name).toString('latin1'));
  return {
    how: result.signal ?? (result.exitCode === null ? result.status : `exit code ${result.exitCode}`),
    stdout: text('stdout'),
    stderr: text('stderr'),
    status: result.status,
    message: result.message,
    refused: result.refused ?? [],
    start: result.start ?? 'cold',
    ms: result.usage.cpuMs + result.usage.controllerCpuMs,
  };
}
