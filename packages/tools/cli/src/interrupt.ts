import { EXIT } from './exit-codes.js';

/** Handles Ctrl-C, SIGTERM, SIGHUP and a closed output pipe while a command can be stopped in order. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Restores the default effect of the signals. */
  release(): void;
}

/** Stops the current command, if there is one. */
let stopRunning: (() => void) | null = null;

/**
 * The first signal aborts; a second Ctrl-C or SIGTERM quits at once. A closing terminal may send several
 * SIGHUP.
 * @param onFirst called with the first signal
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
 * The reader of the output has gone (`sandpiper ... | head`): the current command is stopped in order.
 * @returns false when no command needs stopping
 */
export function interruptForWantOfReader(): boolean {
  stopRunning?.();
  return stopRunning !== null;
}
