import { type CheckerOptions, parseDecimal } from './flags.js';

/** 1 for the white space of the format (that of C's isspace), by byte. */
const SPACE = new Uint8Array(256);
for (const byte of [0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d]) SPACE[byte] = 1;

/** Each byte in lower case where it is an ASCII letter: the format folds no others. */
const LOWER = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte,
);

/** A longer token is not compared as a number. */
const MAX_NUMBER_BYTES = 4096;
const QUOTED = 40;

/** One side of the comparison. The token, or piece of white space, is `bytes[from]` to `bytes[to - 1]`. */
interface Side {
  readonly bytes: Uint8Array;
  from: number;
  to: number;
}

/**
 * The default output validator of the format: null when the output is right, else one line with the first difference.
 * It works on bytes and makes no object for a token, since an output may have 100 MiB.
 */
export function compareOutput(
  output: Uint8Array,
  answer: Uint8Array,
  options: CheckerOptions,
): string | null {
  const got: Side = { bytes: output, from: 0, to: 0 };
  const want: Side = { bytes: answer, from: 0, to: 0 };
  const next = options.spaceChangeSensitive ? nextPiece : nextToken;
  for (let n = 1; ; n++) {
    const expected = next(want);
    const actual = next(got);
    if (!expected) return actual ? `more output than expected, from line ${lineOf(got)}` : null;
    if (!actual) return `the output ends before token ${n}, ${quote(want)}`;
    if (!isSame(got, want, options)) {
      return `line ${lineOf(got)}: expected ${quote(want)}, got ${quote(got)}`;
    }
  }
}

/** The next word; false at the end. */
function nextToken(side: Side): boolean {
  const { bytes } = side;
  let at = side.to;
  while (at < bytes.length && SPACE[bytes[at] ?? 0] === 1) at++;
  side.from = at;
  while (at < bytes.length && SPACE[bytes[at] ?? 0] === 0) at++;
  side.to = at;
  return at > side.from;
}

/** The next word or the next white space. */
function nextPiece(side: Side): boolean {
  const { bytes } = side;
  let at = side.to;
  side.from = at;
  if (at >= bytes.length) return false;
  const kind = SPACE[bytes[at] ?? 0];
  while (at < bytes.length && SPACE[bytes[at] ?? 0] === kind) at++;
  side.to = at;
  return true;
}

function isSame(got: Side, want: Side, options: CheckerOptions): boolean {
  if (isSameText(got, want, options.caseSensitive)) return true;
  return isSameNumber(got, want, options);
}

function isSameText(got: Side, want: Side, caseSensitive: boolean): boolean {
  const length = want.to - want.from;
  if (got.to - got.from !== length) return false;
  for (let i = 0; i < length; i++) {
    const a = got.bytes[got.from + i] ?? 0;
    const b = want.bytes[want.from + i] ?? 0;
    if (a !== b && (caseSensitive || LOWER[a] !== LOWER[b])) return false;
  }
  return true;
}

function isSameNumber(got: Side, want: Side, options: CheckerOptions): boolean {
  const { absoluteTolerance, relativeTolerance } = options;
  if (absoluteTolerance === null && relativeTolerance === null) return false;
  const expected = numberOf(want);
  const actual = expected === null ? null : numberOf(got);
  if (expected === null || actual === null) return false;
  const difference = Math.abs(actual - expected);
  if (absoluteTolerance !== null && difference <= absoluteTolerance) return true;
  return relativeTolerance !== null && difference <= relativeTolerance * Math.abs(expected);
}

function numberOf({ bytes, from, to }: Side): number | null {
  if (to - from > MAX_NUMBER_BYTES) return null;
  return parseDecimal(textOf(bytes, from, to, 'latin1'));
}

function textOf(bytes: Uint8Array, from: number, to: number, encoding: 'latin1' | 'utf8'): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString(encoding);
}

/** Counted only when there is something to report. */
function lineOf({ bytes, from }: Side): number {
  let line = 1;
  for (let i = 0; i < from; i++) if (bytes[i] === 0x0a) line++;
  return line;
}

/** At most 40 characters of a token, in quotes, with control characters escaped. */
function quote({ bytes, from, to }: Side): string {
  const text = textOf(bytes, from, Math.min(to, from + 4 * QUOTED), 'utf8');
  const short = text.length > QUOTED ? `${text.slice(0, QUOTED)}...` : text;
  return JSON.stringify(short);
}
