import { InputError } from '../../files/errors.js';

/** A command that starts one Python program. */
export interface PythonCommand {
  /** Below the folder of the student. */
  readonly file: string;
  readonly args: readonly string[];
}

/** Options of the interpreter that do not change what a program does. */
const HARMLESS = new Set(['-u', '-B', '-E', '-s']);
const INTERPRETER = /^(python|python3|python3\.\d+|pypy|pypy3|py)$/;
const MAX_COMMAND = 4096;

/**
 * Understands `python3 main.py first "the second"`.
 * @param place names the command in errors
 * @throws InputError for every other command: there is no shell in the sandbox
 */
export function pythonCommand(command: string, place: string): PythonCommand {
  const words = shellWords(command, place);
  const [interpreter, ...rest] = words;
  if (interpreter === undefined || !INTERPRETER.test(interpreter)) throw refused(command, place);
  let at = 0;
  while (HARMLESS.has(rest[at] ?? '')) at++;
  const [script, ...args] = rest.slice(at);
  const file = script?.replace(/^(\.\/)+/, '') ?? '';
  const isBelow = file.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!file.endsWith('.py') || !isBelow || file.startsWith('-')) throw refused(command, place);
  return { file, args };
}

function refused(command: string, place: string): InputError {
  const short = JSON.stringify(command.length > 80 ? `${command.slice(0, 80)}...` : command);
  return new InputError(`${place}: ${short} is not done here, only \`python3 FILE.py\` with arguments`);
}

/** The words of a command without anything that only a shell does. */
function shellWords(command: string, place: string): string[] {
  if (command.length > MAX_COMMAND)
    throw new InputError(`${place}: is longer than ${MAX_COMMAND} characters`);
  const words: string[] = [];
  let rest = command.trim();
  while (rest !== '') {
    const found = /^(?:[^\s'"\\$`|&;<>()*?[\]{}~#!]+|'[^']*'|"[^"\\$`]*")+/.exec(rest)?.[0];
    if (found === undefined) throw refused(command, place);
    words.push(
      found.replace(/'([^']*)'|"([^"]*)"/g, (_, single?: string, double?: string) => single ?? double ?? ''),
    );
    rest = rest.slice(found.length);
    if (rest !== '' && !/^\s/.test(rest)) throw refused(command, place);
    rest = rest.trimStart();
  }
  return words;
}
