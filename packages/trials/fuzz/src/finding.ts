/** What a fuzzer was looking for: something that must not be. */
export class Finding extends Error {
  override readonly name = 'Finding';
}
