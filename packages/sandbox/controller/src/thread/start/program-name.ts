import { posix } from 'node:path';
import { SyscallError } from '@sandpiper/abi';
import { RUN_FOLDER } from '@sandpiper/contracts';
import type { Channel } from '@sandpiper/protocol';
import { type GuestJob, wordsOfProgram } from '../../crossing/job.js';

/**
 * CPython fixes the name of its program before it imports anything: as wchar_t in its configuration (PyConfig,
 * `run_filename` and `argv`), from which it opens the file and makes `sys.path[0]` when `site` is done. A parent is
 * started with a name that no program has, long enough that any other fits in its place, and each child's is written
 * over it: it then opens and runs its own program as a fresh interpreter does.
 */
const MARK = 'the-program-of-a-parent-of-sandpiper';
export const longestName = 2048;
export const MARKER = MARK.padEnd(longestName, '-');

/** Addresses of the name in a parent: as given, and with the folder before it. */
export interface ProgramNames {
  readonly given: readonly number[];
  readonly whole: readonly number[];
}

const WIDE = 4;
/** A page, and how far from the address that is known the heap is searched on each side: it has some 3 MB. */
const STEP = 4096;
const FARTHEST = 64 * 1024 * 1024;

/** wchar_t of glibc: UTF-32. */
function wide(text: string): Buffer {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const bytes = Buffer.alloc(points.length * WIDE);
  for (const [i, point] of points.entries()) bytes.writeUInt32LE(point, i * WIDE);
  return bytes;
}

const FOLDER = wide(`${RUN_FOLDER}/`);
const WIDE_MARKER = wide(MARKER);

/**
 * Searches the heap of a parent that is about to park.
 * @param near any address in it
 */
export function findProgramNames(channel: Channel, near: number): ProgramNames {
  const heap = readAround(channel, near);
  const given: number[] = [];
  const whole: number[] = [];
  const start = WIDE_MARKER.subarray(0, MARK.length * WIDE);
  for (let at = heap.bytes.indexOf(start); at >= 0; at = heap.bytes.indexOf(start, at + WIDE)) {
    const end = at + WIDE_MARKER.length;
    if (end + WIDE > heap.bytes.length || !heap.bytes.subarray(at, end).equals(WIDE_MARKER)) continue;
    const before = heap.bytes.subarray(Math.max(0, at - FOLDER.length), at);
    if (before.equals(FOLDER)) whole.push(heap.address + at - FOLDER.length);
    else given.push(heap.address + at);
  }
  if (given.length === 0 || whole.length === 0)
    throw new Error('the name of its program is not found in the memory of the parent');
  return { given, whole };
}

function readAround(channel: Channel, near: number): { readonly address: number; readonly bytes: Buffer } {
  const middle = near - (near % STEP);
  const up = readWhile(channel, middle, STEP);
  const down = readWhile(channel, middle - STEP, -STEP).reverse();
  return { address: middle - down.length * STEP, bytes: Buffer.concat([...down, ...up]) };
}

/** The pieces of memory from an address on, until one is not there. */
function readWhile(channel: Channel, from: number, step: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = from; Math.abs(at - from) < FARTHEST; at += step) {
    const piece = readPage(channel, at);
    if (piece === null) break;
    pieces.push(piece);
  }
  return pieces;
}

function readPage(channel: Channel, address: number): Buffer | null {
  try {
    return Buffer.from(channel.read(address, STEP));
  } catch (error) {
    if (error instanceof SyscallError) return null;
    throw error;
  }
}

/** Writes the name of a job's program into a child. Memory that has been freed and taken again is left alone. */
export function nameProgram(channel: Channel, { given, whole }: ProgramNames, job: GuestJob): void {
  const [name = ''] = wordsOfProgram(job);
  const write = (addresses: readonly number[], text: string, before: Buffer): void => {
    const bytes = wide(`${text}\0`);
    for (const address of addresses)
      if (channel.read(address, bytes.length).equals(before.subarray(0, bytes.length)))
        channel.write(address, bytes);
  };
  write(given, name, WIDE_MARKER);
  write(whole, posix.resolve(RUN_FOLDER, name), Buffer.concat([FOLDER, WIDE_MARKER]));
}
