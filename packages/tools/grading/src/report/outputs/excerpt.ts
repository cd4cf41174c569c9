import { diffWordsWithSpace } from 'diff';
import { visibleText } from './visible-text.js';

/** Of each side; most outputs of exercises are shorter. */
const MAX_EXCERPT_BYTES = 1500;
/** Before the first difference, to see where it is. */
const MAX_BEFORE_BYTES = 200;
/** Words that may differ before two texts are shown whole, without their differences. */
const MAX_EDITS = 400;

/** A piece of both texts (0), of what was expected (1), or of what the program wrote (2). */
type DiffPiece = readonly [kind: 0 | 1 | 2, text: string];

/** What a program wrote beside what was expected, around the first difference. */
export interface OutputExcerpt {
  readonly pieces: readonly DiffPiece[];
  /** The line with which both begin, from 1. */
  readonly fromLine: number;
  /** Bytes of the whole texts. */
  readonly expectedBytes: number;
  readonly gotBytes: number;
  /** Whether something after the excerpt is left out. */
  readonly expectedIsCut: boolean;
  readonly gotIsCut: boolean;
  /** The end of the standard error; empty where there was none. */
  readonly stderr: string;
}

/** Excerpts have a bounded length, whatever a program wrote. */
export function excerptOf(got: Buffer, expected: Buffer, stderr: Buffer): OutputExcerpt {
  const start = startBefore(expected, got, firstDifference(expected, got));
  const expectedPart = expected.subarray(start.expected, start.expected + MAX_EXCERPT_BYTES);
  const gotPart = got.subarray(start.got, start.got + MAX_EXCERPT_BYTES);
  return {
    pieces: piecesOf(textOfBytes(expectedPart), textOfBytes(gotPart)),
    fromLine: lineAt(expected, start.expected),
    expectedBytes: expected.length,
    gotBytes: got.length,
    expectedIsCut: start.expected + expectedPart.length < expected.length,
    gotIsCut: start.got + gotPart.length < got.length,
    stderr: textOfBytes(stderr.subarray(-MAX_EXCERPT_BYTES)),
  };
}

/** A character that was cut in two becomes U+FFFD, as bytes that are no text do. */
const textOfBytes = (bytes: Buffer): string => visibleText(bytes.toString('utf8'));

interface Positions {
  readonly expected: number;
  readonly got: number;
}

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);

const lower = (byte: number | undefined): number | undefined =>
  byte !== undefined && byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;

/** White space and case matter only where nothing else differs, as for the default validator. */
function firstDifference(expected: Buffer, got: Buffer): Positions {
  let e = 0;
  let g = 0;
  for (;;) {
    while (isSpace(expected[e])) e++;
    while (isSpace(got[g])) g++;
    if (lower(expected[e]) !== lower(got[g])) return { expected: e, got: g };
    if (e >= expected.length) return firstByteDifference(expected, got);
    e++;
    g++;
  }
}

function firstByteDifference(expected: Buffer, got: Buffer): Positions {
  const length = Math.min(expected.length, got.length);
  let at = 0;
  while (at < length && expected[at] === got[at]) at++;
  return { expected: at, got: at };
}

/** The begin of the line before that of the difference, on both sides, if it is not too far away. */
function startBefore(expected: Buffer, got: Buffer, at: Positions): Positions {
  return { expected: lineStart(expected, at.expected), got: lineStart(got, at.got) };
}

function lineStart(bytes: Buffer, at: number): number {
  const lowest = Math.max(0, at - MAX_BEFORE_BYTES);
  if (lowest === 0) return 0;
  const first = bytes.indexOf(0x0a, lowest);
  return first === -1 || first >= at ? lowest : first + 1;
}

function lineAt(bytes: Buffer, at: number): number {
  let line = 1;
  for (let i = bytes.indexOf(0x0a); i !== -1 && i < at; i = bytes.indexOf(0x0a, i + 1)) line++;
  return line;
}

function piecesOf(expected: string, got: string): DiffPiece[] {
  const changes = diffWordsWithSpace(expected, got, { maxEditLength: MAX_EDITS });
  if (changes === undefined)
    return [
      [1, expected],
      [2, got],
    ];
  return changes.map(({ value, added, removed }): DiffPiece => [added ? 2 : removed ? 1 : 0, value]);
}
