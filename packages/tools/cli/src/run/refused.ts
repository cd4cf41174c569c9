import { RunRefusedError } from '@sandpiper/controller';
import { InputError } from '@sandpiper/grading/basics';
import { escapeForTerminal } from '../terminal/escape.js';

/** A run that was refused is a fault of the command line or the host, told in one line; any other error is ours. */
export function asInputError(error: unknown): unknown {
  if (!(error instanceof RunRefusedError)) return error;
  return new InputError(escapeForTerminal(error.message), { cause: error });
}
