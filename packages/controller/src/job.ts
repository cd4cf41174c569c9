import type { Engine, Limits } from '@sandpiper/contracts';

/** A file of the run, at an absolute virtual path. */
export interface GuestFile {
  readonly path: string;
  readonly data: Uint8Array;
}

/** What a thread needs to run one program; crosses the thread boundary, so data only. */
export interface GuestJob {
  readonly id: string;
  readonly attempt: number;
  readonly engine: Engine;
  /** The program as the guest's argv names it: absolute, or relative to its folder. */
  readonly programPath: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The guest's working directory: absolute, in memory, writable. */
  readonly folder: string;
  readonly files: readonly GuestFile[];
  readonly stdin:
    | { readonly kind: 'buffer'; readonly data: Uint8Array }
    | { readonly kind: 'fd'; readonly fd: number };
  readonly output: 'capture' | 'pass-through';
  readonly tracePath: string | null;
  readonly limits: Limits;
}

/** Where it runs. */
export interface CellPlace {
  readonly keeperDirectory: string;
  readonly cpu: number | null;
  readonly node: string | null;
  readonly cell: number | null;
  /** Two words that thread and main thread share: the guest's process id, and whether the run is cancelled. */
  readonly shared: Int32Array;
}

export const SHARED_PID = 0;
export const SHARED_CANCELLED = 1;

/** The folder of a run that comes by the API. */
export const RUN_FOLDER = '/box';
