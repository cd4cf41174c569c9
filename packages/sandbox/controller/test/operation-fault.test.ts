import { KeeperError } from '@sandpiper/guest';
import { GuestGoneError, GuestProtocolError } from '@sandpiper/protocol';
import { describe, expect, it } from 'vitest';
import { ControllerTimeError } from '../src/thread/controller-time.js';
import { answering, OperationFault } from '../src/thread/operation-fault.js';

const thrownBy = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return error;
  }
  return null;
};

describe('an error thrown while a call is answered', () => {
  it.each([new TypeError('no such thing'), new RangeError('NaN'), new Error('ours')])(
    'is a fault of ours that a retry would meet too: %s',
    (cause) => {
      const fault = thrownBy(() =>
        answering('lseek', () => {
          throw cause;
        }),
      );
      expect(fault).toBeInstanceOf(OperationFault);
      expect((fault as OperationFault).message).toBe('the sandbox failed to answer lseek');
      // The log has the error and its place.
      expect((fault as OperationFault).report).toContain(String(cause));
    },
  );

  it.each([
    new GuestGoneError(),
    new GuestProtocolError('bad-length', 'too long'),
    new ControllerTimeError(),
    new KeeperError('the keeper is gone'),
  ])('is the end of the guest, of its run or of its cell: %s', (end) => {
    expect(
      thrownBy(() =>
        answering('lseek', () => {
          throw end;
        }),
      ),
    ).toBe(end);
  });
});
