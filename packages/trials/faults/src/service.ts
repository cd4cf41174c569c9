import { spawn, type ChildProcess } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { withDeadline } from '@sandpiper/contracts';
import type { ServiceMessage } from '@sandpiper/telemetry';

/** How long a service may take to become ready on a busy machine, milliseconds. */
const START_MS = 120_000;

export interface ServiceStart {
  readonly name: string;
  /** The program's file. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  /** Receives its log. */
  readonly logFile: string;
  /** A file for its process id before it is executed: it begins in that control group. */
  readonly door: string | null;
  readonly nodeOptions?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A scheduler or a node, as a separate process. */
export class Service {
  /** Resolves when the process has ended. */
  readonly exit: Promise<Exit>;
  /** Its HTTP address; empty before it listens. */
  url = '';
  private isReady = false;

  private constructor(
    readonly name: string,
    readonly logFile: string,
    private readonly child: ChildProcess,
  ) {
    this.exit = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    child.on('message', (message) => {
      const told = message as ServiceMessage;
      if (told.type === 'listening') this.url = told.url;
      else this.isReady = true;
    });
  }

  static spawn(start: ServiceStart): Service {
    const { name, entry, env, logFile, door, nodeOptions = [] } = start;
    const command = [process.execPath, ...nodeOptions, entry];
    // The shell moves itself into the group and becomes the service.
    const moved = door === null ? command : ['/bin/sh', '-c', 'echo $$ >"$0" && exec "$@"', door, ...command];
    const log = openSync(logFile, 'a');
    try {
      const child = spawn(moved[0] ?? '', moved.slice(1), {
        env: { ...process.env, ...env },
        stdio: ['ignore', log, log, 'ipc'],
      });
      return new Service(name, logFile, child);
    } finally {
      closeSync(log);
    }
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /**
   * Waits until it has Redis and, for a node, a cell. @throws Error with the end of its log when it ends
   * instead
   */
  async ready(): Promise<this> {
    const told = new Promise<null>((resolve) => {
      const look = (): void => {
        if (!this.isReady || this.url === '') return;
        this.child.off('message', look);
        resolve(null);
      };
      this.child.on('message', look);
      look();
    });
    const ended = this.exit.then(({ code, signal }) => `ended with ${signal ?? code}`);
    // oxlint-disable-next-line sandpiper/no-long-lived-race -- once in a service's life, for a line of text
    const first = Promise.race([told, ended]);
    const failure = await withDeadline(first, START_MS, () => 'did not become ready in time');
    if (failure === null) return this;
    throw new Error(`${this.name} ${failure}: ${this.log().slice(-1000)}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** With -9, and waits until it is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exit;
  }

  /** Its log so far. */
  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }

  /** One value of its metrics, summed over all labels; 0 when there is none. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`, { signal: AbortSignal.timeout(10_000) })).text();
    return text
      .split('\n')
      .filter((line) => new RegExp(`^${name}[ {]`).test(line) && line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }
}
