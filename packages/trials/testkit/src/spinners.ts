import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A spinner whose test is gone ends by itself, seconds. */
const LONGEST_S = 120;

/** Processes that take a CPU from whatever else is on it. */
export class Spinners {
  private constructor(private readonly processes: readonly ChildProcess[]) {}

  /** Resolves when all of them spin. */
  static async on(cpu: number, count: number): Promise<Spinners> {
    const loop = `echo; while (( SECONDS < ${LONGEST_S} )); do :; done`;
    const processes = Array.from({ length: count }, () =>
      spawn('taskset', ['-c', String(cpu), 'bash', '--norc', '-c', loop], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    await Promise.all(processes.map(({ stdout }) => once(stdout, 'data')));
    return new Spinners(processes);
  }

  async end(): Promise<void> {
    const running = this.processes.filter((child) => child.exitCode === null && child.signalCode === null);
    const ended = running.map((child) => once(child, 'exit'));
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(ended);
  }
}
