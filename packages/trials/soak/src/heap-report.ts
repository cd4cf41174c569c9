/** What one thread of a service holds after a collection. */
export interface ThreadHeap {
  readonly thread: number;
  /** Heap, and what hangs on it outside, bytes. */
  readonly bytes: number;
}

/** What a service writes when it is asked: the answer to one signal. */
export interface HeapReport {
  /** Counts the signals. */
  readonly number: number;
  /** Whether every thread has answered. */
  readonly complete: boolean;
  readonly threads: readonly ThreadHeap[];
}

/** Where a service of that process id writes it, in the folder that SOAK_FOLDER names. */
export const reportName = (pid: number): string => `heap-${pid}.json`;

/** Leaks that can be planted in a node. */
export const PLANTS = ['heap', 'descriptors', 'folders'] as const;
export type Plant = (typeof PLANTS)[number];
