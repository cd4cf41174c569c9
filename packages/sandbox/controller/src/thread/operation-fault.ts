import { KeeperError } from '@sandpiper/guest';
import { GuestGoneError, GuestProtocolError } from '@sandpiper/protocol';
import { ControllerTimeError } from './controller-time.js';

/**
 * An operation of the virtual kernel threw what no operation may: a fault of ours. Another attempt would meet it too, and a
 * program that knows of one would choose its verdict with it, so the run ends with it at once.
 */
export class OperationFault extends Error {
  override readonly name = 'OperationFault';

  constructor(
    readonly call: string,
    override readonly cause: unknown,
  ) {
    super(`the sandbox failed while it answered ${call}`);
  }

  /** For the log: what was thrown, and where. */
  get report(): string {
    const { cause } = this;
    return `${this.message}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`;
  }
}

/** Ends of a guest, of its run, and of its cell: they reach a call through the guest's memory, the clock and the keeper. */
const ENDS = [GuestGoneError, GuestProtocolError, ControllerTimeError, KeeperError];

/** @throws OperationFault where `operation` throws what is none of the ends of a run */
export function answering<T>(call: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (ENDS.some((end) => error instanceof end)) throw error;
    throw new OperationFault(call, error);
  }
}
