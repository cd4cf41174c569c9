import type { GuestEnd } from '@sandpiper/guest';

/**
 * The kernel ended the guest because the pod or the host ran out of memory, not because of the guest's own
 * usage. Neither the run nor its cell is to blame: the run is retried, elsewhere if possible.
 */
export class HostShortOfMemoryError extends Error {
  override readonly name = 'HostShortOfMemoryError';

  constructor() {
    super(
      'the kernel ended the guest because this node ran out of memory; the guest had less than its limit',
    );
  }
}

/** From this share of its allowance on, a guest counts as the one that used the memory up. */
const OWN_FAULT = 0.9;

/**
 * Whether a guest that the kernel ended for lack of memory had used up its allowance: its limit, or its
 * cell's share of the node's memory, where its limit is above that (`accept.weakerLimits`).
 */
export function isOwnFault(end: GuestEnd, limitBytes: number, largestLimit: number): boolean {
  return end.peakBytes >= OWN_FAULT * Math.min(limitBytes, largestLimit);
}
