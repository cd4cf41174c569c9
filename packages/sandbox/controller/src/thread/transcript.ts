import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { TRANSCRIPT_VERSION, type TranscriptHeader } from '@sandpiper/contracts';
import type { GuestMemory, CallOutcome } from '@sandpiper/kernel';
import { type EngineTraits, runtimeNameOf } from '../crossing/engines.js';
import { interpreterStamp } from '../crossing/interpreter-stamp.js';
import type { GuestJob } from '../crossing/job.js';

/** Longer data is recorded as its length and hash; bytes. */
const MAX_SHOWN_BYTES = 64;
/** Lines are written to the file in pieces of this size, bytes. */
const WRITE_BYTES = 64 * 1024;

/**
 * The record of a deterministic run: a line of JSON with everything needed to repeat it, a line per call, and
 * one with the end. The digest covers the lines of the calls, which do not depend on the time of day, the
 * cell or the node.
 */
export class Transcript {
  readonly #hash = createHash('sha256');
  readonly #fd: number | null;
  #pending = '';
  #calls = 0;
  #digest: string | null = null;

  constructor(path: string | null, job: GuestJob, traits: EngineTraits) {
    this.#fd = path === null ? null : openSync(path, 'w', 0o600);
    if (path !== null) this.#write(headerOf(job, traits));
  }

  /** Hexadecimal SHA-256. Nothing can be recorded afterwards. */
  get digest(): string {
    this.#digest ??= this.#hash.digest('hex');
    return this.#digest;
  }

  record(call: string, args: readonly number[], memory: RecordingMemory, outcome: CallOutcome): void {
    this.#calls++;
    const line = JSON.stringify({ call, args, memory: memory.traffic, outcome });
    this.#hash.update(line).update('\n');
    this.#write(line);
  }

  close({ status, exitCode }: { status: string; exitCode: number | null }): void {
    this.#write(JSON.stringify({ end: { status, exitCode, calls: this.#calls, digest: this.digest } }));
    this.#flush();
    if (this.#fd !== null) closeSync(this.#fd);
  }

  #write(line: string): void {
    if (this.#fd === null) return;
    this.#pending += `${line}\n`;
    if (this.#pending.length >= WRITE_BYTES) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    if (this.#fd !== null) for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
  }
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function headerOf(job: GuestJob, traits: EngineTraits): string {
  if (job.stdin.kind !== 'buffer' || job.deterministic === null || job.programPath === null) {
    throw new Error('only a deterministic run whose input is known beforehand has a transcript');
  }
  const base64 = (data: Uint8Array) => Buffer.from(data).toString('base64');
  const header: TranscriptHeader = {
    transcript: TRANSCRIPT_VERSION,
    madeBy: { sandpiper: version, interpreter: interpreterStamp(traits.executable) },
    run: {
      interpreter:
        job.interpreter.engine === 'seccomp'
          ? { engine: 'seccomp', ...runtimeNameOf(job.interpreter) }
          : job.interpreter,
      programPath: job.programPath,
      args: [...job.args],
      env: job.env,
      folder: job.folder,
      files: job.files.map(({ path, data }) => ({ path, data: base64(data) })),
      stdin: base64(job.stdin.data),
      seed: job.deterministic.seed,
      epochMs: job.deterministic.epochMs,
      limits: job.limits,
    },
  };
  return JSON.stringify(header);
}

/** What a call did with the guest's memory: operation, numbers, and the bytes transferred. */
type Traffic = (string | number)[];

/** Sits between the kernel and a guest's memory for one call, and records the transfers. */
export class RecordingMemory implements GuestMemory {
  readonly traffic: Traffic[] = [];

  constructor(private readonly memory: GuestMemory) {}

  read(address: number, size: number): Buffer {
    return this.#noted(['R', address, size], () => this.memory.read(address, size));
  }

  readString(address: number, max: number): Buffer {
    return this.#noted(['Z', address], () => this.memory.readString(address, max));
  }

  write(address: number, data: Uint8Array): void {
    this.traffic.push(['W', address, data.length, shown(data)]);
    this.memory.write(address, data);
  }

  syscall(number: number, ...args: number[]): number {
    const result = this.memory.syscall(number, ...args);
    this.traffic.push(['S', number, ...args, result]);
    return result;
  }

  malloc(data: Uint8Array): number {
    const address = this.memory.malloc(data);
    this.traffic.push(['M', data.length, shown(data), address]);
    return address;
  }

  free(address: number): void {
    this.traffic.push(['F', address]);
    this.memory.free(address);
  }

  #noted(entry: Traffic, read: () => Buffer): Buffer {
    this.traffic.push(entry);
    const data = read();
    entry.push(shown(data));
    return data;
  }
}

function shown(data: Uint8Array): string {
  if (data.length <= MAX_SHOWN_BYTES) return Buffer.from(data).toString('latin1');
  return `sha256:${createHash('sha256').update(data).digest('hex')}`;
}
