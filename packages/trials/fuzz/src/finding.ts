/** What a fuzzer searches for: a violated invariant. */
export class Finding extends Error {
  override readonly name = 'Finding';
}
