import { EXIT } from './exit-codes.js';

/** Ctrl-C, or SIGTERM, while something runs that can be stopped in order. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Signals do again what they did before. */
  release(): void;
}

/** The first signal aborts; the second does not wait. @param onFirst called with the first */
export function catchInterrupts(onFirst: () => void = () => undefined): Interrupt {
  const abort = new AbortController();
  const interrupt = (): void => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    onFirst();
    abort.abort();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return {
    signal: abort.signal,
    release() {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}
