import { type ChildProcess, fork, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { UserFolders } from './user-folders.js';

const DRIVER = fileURLToPath(new URL('../driver/driver.py', import.meta.url));
const SANDBOXED = fileURLToPath(new URL('../dist/sandboxed.js', import.meta.url));

/** The same on both sides: the order of sets is not what is compared. */
export const PYTHONHASHSEED = '0';

/** One of the two ways to run the driver; one process at a time. */
export interface Side {
  readonly name: 'bare' | 'sandbox';
  /** The streams of the process are the driver's. */
  start(module: string): ChildProcess;
  /** Ends what was started, with everything that it has started itself. */
  kill(): void;
  close(): void;
}

/** The plain interpreter, as an ordinary user, in its own folders, which are removed at the end. */
export function bareSide(interpreter: string): Side {
  const folders = new UserFolders();
  const driver = folders.copy(DRIVER);
  let child: ChildProcess | null = null;
  const kill = (): void => {
    try {
      if (child?.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // its group is empty
    }
    folders.killLeftovers();
  };
  return {
    name: 'bare',
    start(module) {
      const home = folders.make();
      const command = [...folders.asUser, interpreter, driver, module];
      child = spawn(command[0] ?? '', command.slice(1), {
        cwd: home,
        env: { PATH: '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8', TMPDIR: folders.make(), PYTHONHASHSEED },
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true, // a group of its own, so that what tests start can be killed with it
      });
      return child;
    },
    kill,
    close() {
      kill();
      folders.remove();
    },
  };
}

/**
 * The interpreter in the sandbox, in a process that ends its guest when it ends.
 * @param runtime path of the interpreter; null: Debian's pypy3
 * @param library a folder of modules for it
 */
export function sandboxSide(runtime: string | null, library: string | null): Side {
  let child: ChildProcess | null = null;
  const kill = (): void => void child?.kill('SIGKILL');
  return {
    name: 'sandbox',
    start(module) {
      const words = [runtime, library].filter((word) => word !== null);
      child = fork(SANDBOXED, [DRIVER, module, ...words], {
        stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      });
      return child;
    },
    kill,
    close: kill,
  };
}
