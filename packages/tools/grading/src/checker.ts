import { InputError } from './errors.js';

/** The flags of the default output validator of the ICPC/Kattis problem format. */
export interface CheckerOptions {
  readonly caseSensitive: boolean;
  readonly spaceChangeSensitive: boolean;
  /** null: numbers are compared as text. */
  readonly absoluteTolerance: number | null;
  readonly relativeTolerance: number | null;
}

export const DEFAULT_CHECKER: CheckerOptions = Object.freeze({
  caseSensitive: false,
  spaceChangeSensitive: false,
  absoluteTolerance: null,
  relativeTolerance: null,
});

/** Parses e.g. `case_sensitive float_tolerance 1e-6`. @throws InputError for an unknown flag */
export function parseCheckerFlags(flags: string): CheckerOptions {
  let options = DEFAULT_CHECKER;
  const words = flags.split(/\s+/).filter((word) => word !== '');
  for (let i = 0; i < words.length; i++) {
    const flag = words[i];
    switch (flag) {
      case 'case_sensitive':
        options = { ...options, caseSensitive: true };
        break;
      case 'space_change_sensitive':
        options = { ...options, spaceChangeSensitive: true };
        break;
      case 'float_absolute_tolerance':
        options = { ...options, absoluteTolerance: tolerance(flag, words[++i]) };
        break;
      case 'float_relative_tolerance':
        options = { ...options, relativeTolerance: tolerance(flag, words[++i]) };
        break;
      case 'float_tolerance': {
        const both = tolerance(flag, words[++i]);
        options = { ...options, absoluteTolerance: both, relativeTolerance: both };
        break;
      }
      default:
        throw new InputError(`unknown flag "${flag}"`);
    }
  }
  return options;
}

function tolerance(flag: string, word: string | undefined): number {
  const value = word === undefined ? null : parseDecimal(word);
  if (value === null || value < 0) throw new InputError(`${flag} needs a number that is not negative`);
  return value;
}

/** null when the output is right, else one line with the first difference. */
export function compareOutput(
  output: Uint8Array,
  answer: Uint8Array,
  options: CheckerOptions,
): string | null {
  const [got, want] = decodeBoth(output, answer);
  const gotTokens = tokens(got, options.spaceChangeSensitive);
  const wantTokens = tokens(want, options.spaceChangeSensitive);
  for (let n = 1; ; n++) {
    const expected = wantTokens.next();
    const actual = gotTokens.next();
    if (expected.done === true) {
      return actual.done === true ? null : `more output than expected, from ${place(actual.value)}`;
    }
    if (actual.done === true) return `the output ends before token ${n}, ${quote(expected.value.text)}`;
    if (!sameToken(actual.value.text, expected.value.text, options)) {
      return `${place(actual.value)}: expected ${quote(expected.value.text)}, got ${quote(actual.value.text)}`;
    }
  }
}

/** When either side is not UTF-8, both are decoded as Latin-1, which compares bytes. */
function decodeBoth(a: Uint8Array, b: Uint8Array): [string, string] {
  try {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return [strict.decode(a), strict.decode(b)];
  } catch {
    return [latin1(a), latin1(b)];
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

interface Token {
  readonly text: string;
  readonly line: number;
}

/** Words; with `keepSpace` also the white space between them. Lazy: an output may have many megabytes. */
function* tokens(text: string, keepSpace: boolean): Generator<Token, undefined> {
  let line = 1;
  // White space as in C's isspace, like the reference validators of the format.
  for (const match of text.matchAll(/[ \t\n\v\f\r]+|[^ \t\n\v\f\r]+/g)) {
    const part = match[0];
    const isSpace = part.charCodeAt(0) <= 0x20 && /^[ \t\n\v\f\r]/.test(part);
    if (!isSpace || keepSpace) yield { text: part, line };
    if (isSpace) line += part.split('\n').length - 1;
  }
  return undefined;
}

function sameToken(got: string, want: string, options: CheckerOptions): boolean {
  if (got === want) return true;
  if (sameNumber(got, want, options)) return true;
  return !options.caseSensitive && got.toLowerCase() === want.toLowerCase();
}

function sameNumber(got: string, want: string, options: CheckerOptions): boolean {
  const { absoluteTolerance, relativeTolerance } = options;
  if (absoluteTolerance === null && relativeTolerance === null) return false;
  const expected = parseDecimal(want);
  const actual = parseDecimal(got);
  if (expected === null || actual === null) return false;
  const difference = Math.abs(actual - expected);
  if (absoluteTolerance !== null && difference <= absoluteTolerance) return true;
  return relativeTolerance !== null && difference <= relativeTolerance * Math.abs(expected);
}

/** A finite decimal number, or null. `Number` alone would also take "0x10", "" and "Infinity". */
function parseDecimal(word: string): number | null {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return null;
  const value = Number(word);
  return Number.isFinite(value) ? value : null;
}

const place = (token: Token): string => `line ${token.line}`;

/** At most 40 characters of a token, in quotes, with control characters escaped. */
function quote(text: string): string {
  const short = text.length > 40 ? `${text.slice(0, 40)}...` : text;
  return JSON.stringify(short);
}
