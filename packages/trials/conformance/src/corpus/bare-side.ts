import { RUN_FOLDER } from '@sandpiper/contracts';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import { UserFolders } from '../user-folders.js';
import { type BareEnd, withoutDurations } from './ended.js';
import type { ProgramCase } from './programs.js';

const MIB = 1024 * 1024;
/** More output is not compared; the default limit of a run. Bytes. */
const MOST_OUTPUT = 16 * MIB;
/** What a bare program may take of this host. */
const HELD = ['--core=0', `--fsize=${64 * MIB}`, '--nproc=256', `--as=${4096 * MIB}`];
/** CPU seconds beyond its patience: an end that no clock of ours reaches. */
const SPARE_SECONDS = 5;

/** The plain interpreter, in a fresh folder for each program. */
export class BareSide {
  readonly #folders = new UserFolders();
  readonly #running = new Set<ChildProcess>();
  readonly #prefix: readonly string[];

  /** `asMe`: as the user of this process, with the network. */
  constructor(asMe: boolean) {
    this.#prefix = asMe ? this.#folders.asUser : [...withoutNetwork(), ...this.#folders.asUser];
  }

  async run(programCase: ProgramCase, patienceMs: number): Promise<BareEnd> {
    const folder = this.#folders.make();
    const beside = this.#folders.make();
    try {
      for (const { path, data } of programCase.files) this.#folders.write(folder, path, data);
      this.#folders.write(beside, 'stdin', programCase.stdin);
      return await this.#runIn(folder, join(beside, 'stdin'), programCase.entry, patienceMs);
    } finally {
      this.#folders.removeOne(folder);
      this.#folders.removeOne(beside);
    }
  }

  async #runIn(folder: string, input: string, entry: string, patienceMs: number): Promise<BareEnd> {
    const seconds = Math.ceil(patienceMs / 1000) + SPARE_SECONDS;
    const held = ['prlimit', ...HELD, `--cpu=${seconds}`, '--'];
    const [command, ...words] = [...this.#prefix, ...held, 'pypy3', entry];
    const stdin = openSync(input, 'r');
    const began = performance.now();
    const child = spawn(command, words, {
      cwd: folder,
      env: { PATH: '/usr/bin:/bin', HOME: folder, LANG: 'C.UTF-8' },
      stdio: [stdin, 'pipe', 'pipe'],
      detached: true, // a group of its own, and no terminal
    });
    closeSync(stdin);
    this.#running.add(child);
    let cut: BareEnd['cut'] = null;
    const end = (why: BareEnd['cut']): void => {
      cut ??= why;
      killGroup(child);
    };
    const timer = setTimeout(() => end('too long'), patienceMs);
    try {
      const outputs = [child.stdout, child.stderr].map((stream) => collect(stream, () => end('too much')));
      const how = await endOf(child);
      const [stdout = '', stderr = ''] = outputs.map((text) => tidied(text(), folder));
      return { how, stdout, stderr, cut, ms: performance.now() - began };
    } finally {
      clearTimeout(timer);
      killGroup(child); // what it may have started
      this.#running.delete(child);
    }
  }

  close(): void {
    for (const child of this.#running) killGroup(child);
    this.#folders.remove();
  }
}

/** Its own network, which has no way out. Only root may have one made. */
function withoutNetwork(): string[] {
  const prefix = ['unshare', '--net', '--'];
  const tried = spawnSync('unshare', ['--net', '--', 'true'], { encoding: 'utf8' });
  if (tried.status === 0) return prefix;
  throw new Error(
    `a program cannot be kept from the network (start this as root, or give --as-me): ${tried.stderr}`,
  );
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // its group is empty
  }
}

function collect(stream: Readable | null, onTooMuch: () => void): () => string {
  const parts: Buffer[] = [];
  let bytes = 0;
  stream?.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > MOST_OUTPUT) onTooMuch();
    else parts.push(part);
  });
  return () => Buffer.concat(parts).toString('latin1');
}

/** The sandbox's folder has another name. */
function tidied(text: string, folder: string): string {
  return withoutDurations(text.replaceAll(folder, RUN_FOLDER));
}

function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => killGroup(child)); // else a process that it left holds the streams
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}
