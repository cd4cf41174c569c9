import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { Command } from 'commander';
import type { RunOptions } from './input.js';

/** How `run` names what it runs, as pypy3 does: PROGRAM, `-` for standard input, `-c CODE` or `-m MODULE`. */

/**
 * The command `run`. After `-c CODE` and `-m MODULE`, as after PROGRAM, every word is the program's, also one that
 * begins with a dash.
 */
export class RunCommand extends Command {
  override parseOptions(words: string[]): { operands: string[]; unknown: string[] } {
    const end = this.#endOfOwn(words);
    return super.parseOptions(end === null ? words : [...words.slice(0, end), '--', ...words.slice(end)]);
  }

  /** How many words end with the code or the module; null where a program follows. */
  #endOfOwn(words: readonly string[]): number | null {
    for (let at = 0; at < words.length; at++) {
      const word = words[at] as string;
      if (word === '-' || word === '--' || !word.startsWith('-')) return null;
      if (word === '-c' || word === '-m') return at + 1 < words.length ? at + 2 : null;
      if (/^-[cm]/.test(word)) return at + 1;
      if (this.options.some(({ short, long, required }) => required && (word === short || word === long)))
        at++;
    }
    return null;
  }
}

/**
 * The interpreter's words where there is no program file; null where there is one.
 * @throws InputError when no interpreter can be started with them
 */
export function wordsInstead(program: string | null, { c: code, m: module }: RunOptions): string[] | null {
  if (code !== undefined) return ['-c', checked('-c', 'the code', code)];
  if (module !== undefined) return ['-m', checked('-m', 'the name', module)];
  if (program === null) throw new InputError("missing required argument 'program'");
  return program === '-' ? ['-'] : null;
}

function checked(option: string, what: string, word: string): string {
  if (word.includes('\0')) throw new InputError(`${option}: ${what} must not hold a NUL`);
  if (Buffer.byteLength(word) > REQUEST_BOUNDS.wordBytes) {
    throw new InputError(`${option}: ${what} takes more than ${REQUEST_BOUNDS.wordBytes} bytes; use a file`);
  }
  return word;
}

/** @throws InputError when an option needs a program file */
export function assertGoesWithoutFile([word = '']: readonly string[], options: RunOptions): void {
  const refuse = (why: string): never => {
    throw new InputError(`${word === '-' ? 'a program from standard input' : word} ${why}`);
  };
  if (options.server !== undefined) {
    refuse('does not go with --server: a service runs files; write the program to a file');
  }
  if (options.engine === 'rpython') refuse('does not go with --engine rpython');
  if (options.transcript !== undefined) refuse('does not go with --transcript');
}
