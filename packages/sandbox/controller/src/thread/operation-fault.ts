import { KeeperError } from '@sandpiper/guest';
import { GuestGoneError, GuestProtocolError } from '@sandpiper/protocol';
import { ControllerTimeError } from './controller-time.js';

/**
 * An operation of the virtual kernel threw an unexpected error: a fault of ours. A retry would meet it too,
 * and a program that knows such a fault could choose its verdict, so the run ends at once.
 */
export class OperationFault extends Error {
  override readonly name = 'OperationFault';

  constructor(
    readonly call: string,
    override readonly cause: unknown,
  ) {
    super(`the sandbox failed to answer ${call}`);
  }

  /** For the log: the error and its stack. */
  get report(): string {
    const { cause } = this;
    return `${this.message}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`;
  }
}

/**
 * Ends of a guest, of its run, and of its cell: they reach a call through the guest's memory, the clock and
 * the keeper.
 */
const ENDS = [GuestGoneError, GuestProtocolError, ControllerTimeError, KeeperError];

/** @throws OperationFault where `operation` throws anything but an end of a run */
export function answering<T>(call: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (ENDS.some((end) => error instanceof end)) throw error;
    throw new OperationFault(call, error);
  }
}
