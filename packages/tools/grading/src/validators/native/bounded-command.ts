import { type ChildProcess, spawn } from 'node:child_process';

export interface CommandBounds {
  /** Elapsed time, milliseconds. */
  readonly wallMs: number;
  /** CPU time of each process, seconds. */
  readonly cpuSeconds: number;
  /** Address space of each process, bytes. */
  readonly memoryBytes: number;
  /** Of one file that it writes. */
  readonly fileBytes: number;
  /** Of stdout and stderr together. */
  readonly outputBytes: number;
}

export interface BoundedEnd {
  /** null: a signal or a bound ended it. */
  readonly code: number | null;
  /** stdout and stderr together. */
  readonly output: string;
  /** The bound that ended the whole command. */
  readonly exceeded: 'time' | 'output' | null;
}

export interface CommandPlace {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** null: the user of this process. */
  readonly userId: number | null;
}

/** Units of `ulimit` in a POSIX shell. */
const KIB = 1024;
const BLOCK = 512;

/**
 * Runs a program of the host with nothing on its standard input, in a process group of its own that ends with it.
 * @throws what starting a process throws
 */
export async function runBounded(
  words: readonly string[],
  { folder, env, userId }: CommandPlace,
  bounds: CommandBounds,
): Promise<BoundedEnd> {
  const child = spawn('/bin/sh', ['-c', limitsLine(bounds), 'sh', ...words], {
    cwd: folder,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(userId === null ? {} : { uid: userId, gid: userId }),
  });
  const stop = (): void => killGroup(child);
  process.once('exit', stop);
  try {
    return await ended(child, bounds, stop);
  } finally {
    // What it left running ends with it.
    stop();
    process.off('exit', stop);
  }
}

/** Each line of a shell's `ulimit` sets one bound; what `exec` starts inherits them. */
function limitsLine({ cpuSeconds, memoryBytes, fileBytes }: CommandBounds): string {
  const kib = Math.ceil(memoryBytes / KIB);
  const blocks = Math.ceil(fileBytes / BLOCK);
  return `ulimit -c 0 && ulimit -t ${cpuSeconds} && ulimit -v ${kib} && ulimit -f ${blocks} && exec "$@"`;
}

function ended(child: ChildProcess, bounds: CommandBounds, stop: () => void): Promise<BoundedEnd> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let exceeded: BoundedEnd['exceeded'] = null;
    const end = (why: BoundedEnd['exceeded']): void => {
      exceeded ??= why;
      stop();
    };
    const timer = setTimeout(() => end('time'), bounds.wallMs);
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > bounds.outputBytes) end('output');
      else chunks.push(chunk);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output: Buffer.concat(chunks).toString('utf8'), exceeded });
    });
  });
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // No process of the group is left.
  }
}
