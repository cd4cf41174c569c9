import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** How much of a server's last output an error shows, characters. */
const LAST_WORDS = 1_000;

/** A server that a test has started. It dies with the test's process, however that ends. */
export class ServerProcess {
  private lastWords = '';
  /** Resolves, with its last output, when it is gone. */
  readonly gone: Promise<string>;

  private constructor(
    private readonly child: ChildProcess,
    readonly program: string,
  ) {
    const keep = (text: Buffer): void => {
      this.lastWords = (this.lastWords + text.toString('latin1')).slice(-LAST_WORDS);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    this.gone = once(child, 'close').then(() => this.lastWords.trim());
  }

  /** Resolves when it runs, which does not mean that it serves. */
  static async start(program: string, args: readonly string[], folder: string): Promise<ServerProcess> {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const started = new ServerProcess(child, program);
    await Promise.race([
      once(child, 'spawn'),
      once(child, 'error').then(([error]) => Promise.reject(error as Error)),
    ]);
    return started;
  }

  /** Rejects, with the server's last output, when the server ends before `work` does. */
  whileAlive<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(resolve, reject);
      void this.gone.then((words) => reject(new Error(`${this.program} ended: ${words}`)));
    });
  }

  /** SIGSTOP: it keeps its connections but answers nothing. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  /** SIGCONT after {@link freeze}. */
  thaw(): void {
    this.child.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.gone;
  }
}
