import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CgroupPlace, cgroupPlace } from './cgroups.js';
import { KEEPER_PATH, SHIM_PATH } from './native.js';

/** How long a keeper may take to report that it is ready, milliseconds. It only makes four FIFOs. */
const READY_DEADLINE_MS = 10_000;

/**
 * How long it may take to kill and reap its guest, remove its group and end, milliseconds; then it is killed.
 */
const END_DEADLINE_MS = 5_000;

/**
 * How long a guest of a killed keeper may occupy its control group, milliseconds. The kernel kills it at
 * once.
 */
const GROUP_DEADLINE_MS = 2_000;

/**
 * The keeper of one cell, as the node's main thread holds it: it can kill the running guest and end the
 * keeper. Must be started by the main thread: the keeper lives as long as its standard input is open.
 */
export class KeeperProcess {
  private constructor(
    private readonly child: ChildProcess,
    private readonly place: CgroupPlace,
    /** The private folder with the keeper's FIFOs; the controller's thread opens them there. */
    readonly directory: string,
    /** Resolves when the process has ended, with a one-line reason. */
    readonly ended: Promise<string>,
  ) {}

  /** @param place where it makes the control groups of its guests */
  static async start(place: CgroupPlace = cgroupPlace()): Promise<KeeperProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'sandpiper-cell-'));
    const groups = place.kind === 'none' ? [] : ['--cgroup', `${place.kind}:${place.directory}`];
    const cap =
      place.kind === 'v2' && place.cpus !== null ? ['--cpus', String(Math.round(place.cpus * 1000))] : [];
    const range = process.env['SANDPIPER_GUEST_UIDS'] ?? '';
    const users = range === '' ? [] : ['--users', range];
    const child = spawn(KEEPER_PATH, ['--dir', directory, '--shim', SHIM_PATH, ...groups, ...cap, ...users], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {},
    });
    let complaints = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaints = (complaints + text).slice(-2000);
    });
    child.stdin?.on('error', () => {}); // the keeper's end is seen by `ended`
    // At exit, this process waits for its threads, and one may wait for a guest: that must not continue.
    const atExit = () => {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    };
    process.once('exit', atExit);
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => {
        process.off('exit', atExit);
        rmSync(directory, { recursive: true, force: true });
        const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
        resolve(complaints === '' ? `the keeper ended: ${how}` : `the keeper ended: ${complaints.trim()}`);
      });
    });
    const keeper = new KeeperProcess(child, place, directory, ended);
    await keeper.#untilReady();
    return keeper;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Kills the guest with that process id; does nothing when it has already ended. */
  killGuest(pid: number): void {
    this.child.stdin?.write(`kill ${pid}\n`);
  }

  /** Sends SIGINT to the guest of that process id, once its program has begun. */
  interruptGuest(pid: number): void {
    this.child.stdin?.write(`interrupt ${pid}\n`);
  }

  /** Kills the guest, ends the keeper, removes its folder and its control groups. */
  async close(): Promise<void> {
    this.child.stdin?.end();
    const late = setTimeout(() => this.child.kill('SIGKILL'), END_DEADLINE_MS);
    await this.ended;
    clearTimeout(late);
    // A killed keeper could not do that itself.
    if (this.place.kind !== 'none') await removeGroups(this.place.directory, this.pid);
  }

  async #untilReady(): Promise<void> {
    const ready = new Promise<null>((resolve) => {
      this.child.stdout?.once('data', () => resolve(null));
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve('the keeper did not become ready in time'), READY_DEADLINE_MS);
    });
    // oxlint-disable-next-line sandpiper/no-long-lived-race -- once in a keeper's life, for a line of text
    const failure = await Promise.race([ready, this.ended, late]);
    clearTimeout(timer);
    if (failure === null) return;
    this.child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
    throw new Error(failure);
  }
}

/** Removes the groups of a dead keeper: they are named after it (native/keeper/cgroup.c). */
async function removeGroups(directory: string, keeper: number): Promise<void> {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(`sandpiper-${keeper}-`)) continue;
    // They can be removed when their last process is reaped, by the process that inherits it.
    for (let waited = 0; !removeGroup(join(directory, name)) && waited < GROUP_DEADLINE_MS; waited += 10) {
      await sleep(10);
    }
  }
}

/** @returns false while a process is still in it */
function removeGroup(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EBUSY';
  }
}
