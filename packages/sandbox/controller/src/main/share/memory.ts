import { totalmem } from 'node:os';
import { figureOf, groupChain } from '../../crossing/groups.js';

const MIB = 1024 * 1024;

/**
 * What a node needs itself: its main thread, and data in transit between queue and cells. Measured: 70 to 100
 * MiB.
 */
const NODE_BYTES = 128 * MIB;
/**
 * What a cell needs beside its run: its thread, keeper, the parent of its guests and a guest's interpreter.
 * Measured: 27 MiB at rest; a run's files, input and output add to it.
 */
export const CELL_BYTES = 64 * MIB;

/** This process's share of the host's memory. */
export interface MemoryShare {
  /** Bytes: the lowest limit of its control groups, or the host's memory. */
  readonly bytes: number;
  /** The folder of the group that bounds it; null where only the host does. */
  readonly boundBy: string | null;
  /**
   * The group that the kernel ends as a whole when its memory runs out (memory.oom.group of version 2), node
   * included; null where there is none.
   */
  readonly endsAsWhole: string | null;
}

/** @param host the folder that holds /proc and /sys; for tests */
export function memoryShare(host = ''): MemoryShare {
  const chain = groupChain('memory', host);
  let bytes = totalMemory(host);
  let boundBy: string | null = null;
  for (const directory of chain?.directories ?? []) {
    const limit = Number(
      chain?.version === 2
        ? (figureOf(directory, 'memory.max') ?? 'max')
        : (figureOf(directory, 'memory.limit_in_bytes') ?? 'none'),
    );
    // No limit is `max` in version 2, and more than any host has in version 1.
    if (limit < bytes) [bytes, boundBy] = [limit, directory];
  }
  const endsAsWhole =
    chain?.version === 2
      ? (chain.directories.find((directory) => figureOf(directory, 'memory.oom.group') === '1') ?? null)
      : null;
  return { bytes, boundBy, endsAsWhole };
}

/**
 * The largest memory limit that each of `cells` cells can hold at the same time: the node's memory minus its
 * own needs, in equal parts. At least 0. This is the one place with the formula.
 */
export function largestMemoryLimit(bytes: number, cells: number): number {
  return Math.max(0, Math.floor((bytes - NODE_BYTES) / cells - CELL_BYTES));
}

/** How long a reading of the groups is valid, milliseconds: a pod's limit may change while it runs. */
const LOOK_AGAIN_MS = 5_000;
let looked: { readonly at: number; readonly bytes: number } | null = null;

/**
 * The memory that this process may plan with. `planned` is the operator's setting, where several nodes share
 * one host.
 */
export function memoryOfNode(planned: number | null): number {
  const now = performance.now();
  if (looked === null || now - looked.at > LOOK_AGAIN_MS) looked = { at: now, bytes: memoryShare().bytes };
  return planned === null ? looked.bytes : Math.min(planned, looked.bytes);
}

function totalMemory(host: string): number {
  const kib = /^MemTotal:\s*(\d+) kB$/m.exec(host === '' ? '' : (readMeminfo(host) ?? ''))?.[1];
  return kib === undefined ? totalmem() : Number(kib) * 1024;
}

function readMeminfo(host: string): string | null {
  return figureOf(`${host}/proc`, 'meminfo');
}
