import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programOnPath } from '@sandpiper/controller';
import { Redis } from 'ioredis';
import { EmbeddedError } from './child.js';

/** How many acknowledged writes a power failure may lose: Redis's `appendfsync`. */
export type Durability = 'always' | 'everysec' | 'no';

/** sun_path of unix(7) holds 108 bytes with the final NUL. */
const MAX_SOCKET_PATH = 107;

export interface RedisPaths {
  readonly folder: string;
  readonly socket: string;
  readonly pidFile: string;
}

export function redisPaths(stateDir: string): RedisPaths {
  const folder = join(stateDir, 'redis');
  const socket = join(folder, 'redis.sock');
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    throw new EmbeddedError(`${stateDir}: the path is too long to hold a Unix socket; choose a shorter one`);
  }
  return { folder, socket, pidFile: join(folder, 'redis.pid') };
}

/** @throws EmbeddedError with the command that installs what is missing. */
export function assertRedisServer(): void {
  assertProgram('redis-server', 'redis-server');
  assertProgram('setpriv', 'util-linux');
}

function assertProgram(program: string, debianPackage: string): void {
  if (programOnPath(program) !== null) return;
  throw new EmbeddedError(
    `${program} is not installed; install it with: sudo apt-get install -y ${debianPackage}`,
  );
}

/**
 * Starts a Redis that only this user can reach (a socket in a folder of mode 0700, no port), that persists
 * its data (AOF) and never evicts a run when memory is short (noeviction). With `setpriv --pdeathsig` the
 * kernel ends it when this process dies; the signal is TERM, so that Redis still writes its data. The signal
 * is tied to the thread that spawned: call this from the main thread.
 */
export function spawnRedis(paths: RedisPaths, durability: Durability, logFd: number): ChildProcess {
  mkdirSync(paths.folder, { recursive: true, mode: 0o700 });
  const settings = {
    port: '0',
    unixsocket: paths.socket,
    unixsocketperm: '700',
    dir: paths.folder,
    pidfile: paths.pidFile,
    appendonly: 'yes',
    appendfsync: durability,
    save: '',
    'maxmemory-policy': 'noeviction',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  // A separate session: Ctrl-C on the terminal reaches only us, and we stop the processes in order.
  return spawn('setpriv', ['--pdeathsig', 'TERM', 'redis-server', ...flags], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', logFd, logFd],
  });
}

/** Resolves when Redis has loaded its data and answers. */
export async function redisReady(paths: RedisPaths, child: ChildProcess): Promise<void> {
  const retryStrategy = (): number | null =>
    child.exitCode === null && child.signalCode === null ? 20 : null;
  const probe = new Redis({ path: paths.socket, maxRetriesPerRequest: null, retryStrategy });
  probe.on('error', () => undefined);
  try {
    await probe.ping();
  } finally {
    probe.disconnect();
  }
}

/** Ends a Redis that a killed predecessor left running on this folder. Call with the folder locked. */
export async function endStaleRedis(paths: RedisPaths): Promise<void> {
  const pid = readPid(paths.pidFile);
  if (pid !== null && isRedisOf(pid, paths)) {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      signalQuietly(pid, signal);
      for (let tries = 0; tries < 250 && isRedisOf(pid, paths); tries += 1) await sleep(20);
    }
  }
  for (const file of [paths.socket, paths.pidFile]) rmSync(file, { force: true });
}

function readPid(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return pid > 1 ? pid : null;
  } catch {
    return null;
  }
}

/** redis-server shows its socket in its process title, so a reused pid is recognised and left alone. */
function isRedisOf(pid: number, paths: RedisPaths): boolean {
  try {
    const title = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return title.includes('redis-server') && title.includes(paths.socket);
  } catch {
    return false;
  }
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone in the meantime
  }
}
