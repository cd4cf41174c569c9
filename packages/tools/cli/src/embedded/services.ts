import { spawn, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ALLOCATOR_ENV, type ServiceMessage } from '@sandpiper/telemetry';
import { EmbeddedError } from './child.js';

/** A log file above this size is moved aside; one older file is kept. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;
/** How often the size of a log file is looked at. */
const LOOK_MS = 10_000;

/** The services lie beside the packages, in a checkout and in an image. */
function serviceEntry(service: 'scheduler' | 'worker'): string {
  const path = fileURLToPath(new URL(`../../../../../services/${service}/dist/main.js`, import.meta.url));
  if (!existsSync(path)) throw new EmbeddedError(`the ${service} service is not built; run ./scripts/setup`);
  return path;
}

/**
 * Starts a service with an IPC channel: the service reports on it that it is ready, and its end means that we
 * died. A separate session: Ctrl-C on the terminal reaches only us, and we stop the processes in order.
 */
export function spawnService(
  service: 'scheduler' | 'worker',
  env: Readonly<Record<string, string>>,
  logFd: number,
): ChildProcess {
  return spawn(process.execPath, [serviceEntry(service)], {
    env: { ...ALLOCATOR_ENV, ...environmentOfOurs(), ...env },
    detached: true,
    stdio: ['ignore', logFd, logFd, 'ipc'],
  });
}

const OF_ANOTHER_REDIS = /^SANDPIPER_REDIS_(USERNAME|PASSWORD_FILE|SENTINEL_\w+|CA|CERT|KEY)$/;

/** Users and certificates in the environment belong to another Redis, not to the one that we start. */
function environmentOfOurs(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !OF_ANOTHER_REDIS.test(name));
  return Object.fromEntries(kept);
}

/** Resolves when the service reports that it is ready. @param onListening gets its address before that. */
export function serviceReady(child: ChildProcess, onListening: (url: string) => void): Promise<void> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      const told = message as ServiceMessage;
      if (told.type === 'listening') onListening(told.url);
      else if (told.type === 'ready') resolve();
    });
  });
}

/** A log file in the state folder, open for appending, of bounded size. */
export class LogFile {
  readonly fd: number;
  private readonly path: string;
  private readonly looks: NodeJS.Timeout;
  private start: number;

  constructor(
    folder: string,
    name: string,
    private readonly maxBytes = MAX_LOG_BYTES,
  ) {
    this.path = join(folder, `${name}.log`);
    this.fd = openSync(this.path, 'a', 0o600);
    this.rotate();
    this.start = fstatSync(this.fd).size;
    this.looks = setInterval(() => this.rotate(), LOOK_MS).unref();
  }

  /**
   * Moves what is above the bound aside, by a copy: services write to their own duplicate of the descriptor, and go on
   * at the end of the emptied file. A line written between copy and truncation is lost.
   */
  rotate(): void {
    if (fstatSync(this.fd).size <= this.maxBytes) return;
    copyFileSync(this.path, `${this.path}.old`);
    ftruncateSync(this.fd);
    this.start = 0;
  }

  /** The last line written since the start; for a JSON line, its message. */
  lastWords(): string {
    const lines = readFileSync(this.path).subarray(this.start).toString('utf8').trim().split('\n');
    const last = lines.at(-1) ?? '';
    try {
      const entry = JSON.parse(last) as { msg?: string; err?: { message?: string } };
      return entry.err?.message ?? entry.msg ?? last;
    } catch {
      return last;
    }
  }

  close(): void {
    clearInterval(this.looks);
    closeSync(this.fd);
  }
}

/**
 * The CPUs of each node: dealt out in turn, or one shared CPU each when there are more nodes than CPUs.
 * @param cpus at least one
 */
export function dealCpus(cpus: readonly number[], nodes: number): number[][] {
  return Array.from({ length: nodes }, (_, node) => {
    const own = cpus.filter((_cpu, index) => index % nodes === node);
    return own.length > 0 ? own : [cpus[node % cpus.length] ?? 0];
  });
}
