export type GuestProtocolErrorCode =
  | 'bad-signature'
  | 'too-many-arguments'
  | 'truncated'
  | 'unasked-bytes'
  | 'bad-length'
  | 'bad-address'
  | 'bad-result';

/** The guest broke the protocol: it is killed, and its run ends as `violation`. */
export class GuestProtocolError extends Error {
  override readonly name = 'GuestProtocolError';

  constructor(
    readonly code: GuestProtocolErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** The guest's ends of the pipes are closed: it has died, or is being killed. Not a fault in itself. */
export class GuestGoneError extends Error {
  override readonly name = 'GuestGoneError';

  constructor() {
    super('the guest is gone');
  }
}
