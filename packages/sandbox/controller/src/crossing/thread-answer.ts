import type { RunResult } from '@sandpiper/contracts';

/** What comes back of a job: errors lose their class on the way between threads. */
export type ThreadAnswer =
  | { readonly result: RunResult; readonly fault: string | null; readonly wantsPreparing: boolean }
  | { readonly prepared: string | null }
  | { readonly loaded: true }
  | { readonly refused: string }
  | { readonly shortOfMemory: true };
