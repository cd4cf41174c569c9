import { totalmem } from 'node:os';
import { figureOf, groupChain } from '../../crossing/groups.js';

const MIB = 1024 * 1024;

/** What a node takes for itself: its main thread, and what is on its way between queue and cells. Measured: 70 to 100 MiB. */
const NODE_BYTES = 128 * MIB;
/**
 * What a cell takes beside its run: its thread, keeper, the parent of its guests and the interpreter of a guest. Measured:
 * 27 MiB at rest; a run's files, input and output come to it.
 */
const CELL_BYTES = 64 * MIB;

/** What of the host's memory is this process's. */
export interface MemoryShare {
  /** Bytes: the least limit of its control groups, or what the host has. */
  readonly bytes: number;
  /** Null where nothing but the host bounds it; else the folder of the group that does. */
  readonly boundBy: string | null;
  /**
   * The group that the kernel ends as a whole when memory runs out in it (memory.oom.group of version 2), node and all;
   * null where there is none.
   */
  readonly endsAsWhole: string | null;
}

/** @param host the folder that /proc and /sys are below; tests give one of their own */
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
    // No limit is `max` there, and more than any host has here.
    if (limit < bytes) [bytes, boundBy] = [limit, directory];
  }
  const endsAsWhole =
    chain?.version === 2
      ? (chain.directories.find((directory) => figureOf(directory, 'memory.oom.group') === '1') ?? null)
      : null;
  return { bytes, boundBy, endsAsWhole };
}

/**
 * The largest memory limit that each of so many cells can hold at the same time: what is left of the node's memory when it
 * has taken what it needs itself, in equal parts. At least 0. This is the one place with the formula.
 */
export function largestMemoryLimit(bytes: number, cells: number): number {
  return Math.max(0, Math.floor((bytes - NODE_BYTES) / cells - CELL_BYTES));
}

/** How long a look at the groups is good for, milliseconds: the limit of a pod may be changed while it runs. */
const LOOK_AGAIN_MS = 5_000;
let looked: { readonly at: number; readonly bytes: number } | null = null;

/**
 * The memory that this process may plan with. `planned` is what the operator gives it, where several nodes share one host.
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
