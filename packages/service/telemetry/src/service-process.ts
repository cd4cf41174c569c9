import type { Logger } from './logger.js';

/** What a service tells the process that started it, over the IPC channel of `fork` or `spawn`. */
export type ServiceMessage =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'ready' };

export interface ServiceHandle {
  /** Stops taking work, finishes what is running within the service's grace, frees everything. */
  drain(): Promise<void>;
  /** Frees everything at once: nobody is left to hand a result to. */
  abandon(): Promise<void>;
}

/** How long {@link ServiceHandle.abandon} may take before the process ends all the same. */
const ABANDON_MS = 3_000;

/** Tells the parent, if there is one that listens. */
export function tellParent(message: ServiceMessage): void {
  if (process.connected) process.send?.(message);
}

/**
 * Ends the process in the right way: SIGTERM and SIGINT drain and exit 0, a second one abandons; a parent
 * that started us with an IPC channel and died (even of SIGKILL, which nobody can catch) takes us along.
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
