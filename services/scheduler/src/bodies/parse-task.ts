import type { ProblemCode } from '../problems.js';
import type { LimitCeilings, PreparedRun } from './prepared.js';

/** What goes to the thread that parses large bodies, and what comes back: bytes, and facts that are small. */

export interface ParseTask {
  /** `line`: one run of a batch that comes line by line. */
  readonly kind: 'run' | 'batch' | 'line';
  readonly bytes: Uint8Array;
  readonly ceilings: LimitCeilings;
  /** Of a line. */
  readonly index: number;
}

/** A run without its text, and how many bytes of all text are its. */
interface PackedRun extends Omit<PreparedRun, 'json'> {
  readonly length: number;
}

export type ParseAnswer =
  | {
      readonly problem: {
        readonly code: ProblemCode;
        readonly message: string;
        readonly path: string | undefined;
      };
    }
  | {
      readonly runs: readonly PackedRun[];
      /** The texts of all runs, one behind the other. */
      readonly text: Uint8Array;
      readonly name: string | null;
      readonly idempotencyKey: string | undefined;
    };
