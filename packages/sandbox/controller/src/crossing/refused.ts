/** The run is not possible here as it was asked for; the message is one line for the client. */
export class RunRefusedError extends Error {
  override readonly name = 'RunRefusedError';
}
