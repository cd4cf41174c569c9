import { ENGINES, type Engine, MAX_RETRIES } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import type { Command } from 'commander';
import { basename } from 'node:path';
import { escapeForTerminal } from './terminal/escape.js';

/**
 * A parser for commander: a whole number in decimal digits, within bounds. The error names the option and the
 * range.
 */
export function wholeNumber(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InputError(`${option} needs a whole number from ${min} to ${max}, not ${quote(text)}`);
  };
}

/** The option of every command that may repeat runs. @param usual the default */
export function retryOption(command: Command, usual: number): Command {
  const flag = '--retry-unreliable';
  return command.option(
    `${flag} <n>`,
    `repeat a run that met its wall limit while it waited for a CPU, at most n times (default: ${usual})`,
    wholeNumber(flag, 0, MAX_RETRIES),
  );
}

export function engine(text: string): Engine {
  const found = ENGINES.find((name) => name === text);
  if (found === undefined)
    throw new InputError(`--engine: unknown engine ${quote(text)}; use one of ${ENGINES.join(', ')}`);
  return found;
}

export interface Pair {
  readonly name: string;
  readonly value: string;
}

/** A parser for repeatable `NAME=VALUE` options. */
export function pair(
  option: string,
  form: string,
): (text: string, before: readonly Pair[] | undefined) => Pair[] {
  return (text, before = []) => {
    const at = text.indexOf('=');
    if (at < 1) throw new InputError(`${option} needs ${form}, not ${quote(text)}`);
    return [...before, { name: text.slice(0, at), value: text.slice(at + 1) }];
  };
}

/** A parser for the repeatable `--file NAME=PATH`, or `--file PATH` for a file that keeps its name. */
export function filePair(text: string, before: readonly Pair[] | undefined): Pair[] {
  const own = text === '' || text.includes('=') ? text : `${basename(text)}=${text}`;
  return pair('--file', 'NAME=PATH or PATH')(own, before === undefined ? undefined : [...before]);
}

/** An option that may be given several times. */
export const listed = (text: string, before: readonly string[] = []): string[] => [...before, text];

export const runtimeOption = (command: Command): Command =>
  command.option(
    '--runtime <name>',
    'a runtime of this host, or the path of an interpreter: see sandpiper runtimes',
  );

export const librariesOption = (command: Command): Command =>
  command.option(
    '--lib <folder>',
    'modules that programs find, as pip install --target leaves them (repeatable)',
    listed,
  );

/** @throws InputError unless it is an http or https address */
export function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new InputError(`--server needs an address like http://127.0.0.1:8080, not ${quote(text)}`);
  }
  return text.replace(/\/+$/, '');
}

export function quote(text: string): string {
  return `"${escapeForTerminal(text, 80)}"`;
}
