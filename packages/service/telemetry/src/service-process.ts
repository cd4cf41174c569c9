import type { Logger } from './logger.js';

/**
 * Variables that a service is started with, because only glibc reads them (mallopt(3)). By default freeing an
 * 8 MiB result teaches malloc to take the next ones from its arenas, and each thread's arena then keeps tens of
 * megabytes of holes. With a fixed threshold large blocks are mapped, and go back when they are freed.
 */
export const ALLOCATOR_ENV = { MALLOC_MMAP_THRESHOLD_: '262144' } as const;

/** Messages of a service to its parent process, over the IPC channel of `fork` or `spawn`. */
export type ServiceMessage =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'ready' };

export interface ServiceHandle {
  /** Stops taking work, finishes current work within the grace period, frees everything. */
  drain(): Promise<void>;
  /** Frees everything at once, because no one can take a result any more. */
  abandon(): Promise<void>;
}

/** Timeout of {@link ServiceHandle.abandon}, after which the process ends anyway. */
const ABANDON_MS = 3_000;

/** Sends a message to the parent, if it listens. */
export function tellParent(message: ServiceMessage): void {
  if (process.connected) process.send?.(message);
}

/**
 * Handles the end of the process: SIGTERM and SIGINT drain and exit 0, a second one abandons. If the parent
 * started us with an IPC channel and dies (even of SIGKILL, which it cannot catch), we end too.
 */
export function superviseProcess(service: ServiceHandle, logger: Logger): void {
  let ending = false;

  const leave = (how: 'drain' | 'abandon', why: string): void => {
    if (ending && how === 'drain') how = 'abandon';
    ending = true;
    logger.info({ why }, how === 'drain' ? 'draining' : 'leaving at once');
    if (how === 'abandon') setTimeout(() => process.exit(1), ABANDON_MS).unref();
    service[how]().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ err: error }, 'could not stop cleanly');
        process.exit(1);
      },
    );
  };

  process.on('SIGTERM', () => leave('drain', 'SIGTERM'));
  process.on('SIGINT', () => leave('drain', 'SIGINT'));
  if (process.channel !== undefined) process.on('disconnect', () => leave('abandon', 'the parent is gone'));
}
