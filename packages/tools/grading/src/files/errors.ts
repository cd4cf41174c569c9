/**
 * Wrong user input: a file, a folder, an option. The message is one line that names it, so that a command can
 * print it and exit with code 2.
 */
export class InputError extends Error {
  override readonly name: string = 'InputError';
  readonly code = 'INPUT';
}

/** Input that is right, and asks for something that is not done here. */
export class NotDoneError extends InputError {
  override readonly name = 'NotDoneError';
}
