/** What one thread of a service holds after a collection. */
export interface ThreadHeap {
  readonly thread: number;
  /** Heap, and external memory that it keeps alive, bytes. */
  readonly bytes: number;
}

/** What a service writes at each signal. */
export interface HeapReport {
  /** Counts the signals. */
  readonly number: number;
  /** Whether every thread has answered. */
  readonly complete: boolean;
  readonly threads: readonly ThreadHeap[];
}

/** Where the service with that process id writes it, in the folder that SOAK_FOLDER names. */
export const reportName = (pid: number): string => `heap-${pid}.json`;

/** Leaks that can be planted in a node. */
export const PLANTS = ['heap', 'descriptors', 'folders'] as const;
export type Plant = (typeof PLANTS)[number];
