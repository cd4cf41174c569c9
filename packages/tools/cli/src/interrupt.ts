import { EXIT } from './exit-codes.js';

/** Ctrl-C, SIGTERM or SIGHUP, or output that nobody reads, while something runs that can be stopped in order. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Signals do again what they did before. */
  release(): void;
}

/** Stops what runs now, if anything does. */
let stopRunning: (() => void) | null = null;

/**
 * The first signal aborts; a second Ctrl-C or SIGTERM does not wait. A terminal that goes may tell so more than once.
 * @param onFirst called with the first
 */
export function catchInterrupts(onFirst: () => void = () => undefined): Interrupt {
  const abort = new AbortController();
  const stop = (): void => {
    if (abort.signal.aborted) return;
    onFirst();
    abort.abort();
  };
  const interrupt = (): void => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    stop();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  process.on('SIGHUP', stop);
  stopRunning = stop;
  return {
    signal: abort.signal,
    release() {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      process.off('SIGHUP', stop);
      stopRunning = null;
    },
  };
}

/**
 * Whoever read the output has gone (`sandpiper ... | head`): what runs is stopped in order.
 * @returns false where nothing runs that has to be
 */
export function interruptForWantOfReader(): boolean {
  stopRunning?.();
  return stopRunning !== null;
}
