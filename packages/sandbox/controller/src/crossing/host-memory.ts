import type { GuestEnd } from '@sandpiper/guest';

/**
 * The kernel ended the guest because the pod or the host ran out of memory, and not because of what the guest had. The run is
 * not to blame, and neither is its cell: it is tried again, elsewhere if possible.
 */
export class HostShortOfMemoryError extends Error {
  override readonly name = 'HostShortOfMemoryError';

  constructor() {
    super(
      'the kernel ended the guest because this node ran out of memory; the guest had less than its limit',
    );
  }
}

/** From this part of what it may have a guest is the one that has used the memory up. */
const OWN_FAULT = 0.9;

/**
 * Whether a guest that the kernel has ended for want of memory had used up what it may have: its limit, or the part of the
 * node's memory that is its cell's, where its limit is above that (`accept.weakerLimits`).
 */
export function isOwnFault(end: GuestEnd, limitBytes: number, largestLimit: number): boolean {
  return end.peakBytes >= OWN_FAULT * Math.min(limitBytes, largestLimit);
}
