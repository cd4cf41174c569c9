/**
 * Something the user gave is wrong: a file, a folder, an option. The message is one line that names the thing,
 * so that a command can print it as it is and end with exit code 2.
 */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly code = 'INPUT';
}
