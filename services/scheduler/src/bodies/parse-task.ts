import type { ProblemCode } from '../problems.js';
import type { LimitCeilings, PreparedRun, PreparedSubmission } from './prepared.js';

/** Messages to and from the thread that parses large bodies: bytes and small facts. */

export interface ParseTask {
  /** `line`: one run of an NDJSON batch. */
  readonly kind: 'run' | 'batch' | 'line' | 'submission';
  readonly bytes: Uint8Array;
  readonly ceilings: LimitCeilings;
  /** Index of the line. */
  readonly index: number;
}

/** A run without its text, and the length of its part of the text, bytes. */
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
  | { readonly submission: PreparedSubmission }
  | {
      readonly runs: readonly PackedRun[];
      /** The texts of all runs, concatenated. */
      readonly text: Uint8Array;
      readonly name: string | null;
      readonly idempotencyKey: string | undefined;
    };
