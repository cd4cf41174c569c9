import { oneLine } from '@sandpiper/contracts';
import { type CheckResult, verdictOn } from './check-result.js';

/** The checkers of DMOJ that are a comparison; its others are programs of the problem. */
export type DmojCheck =
  | { readonly format: 'dmoj'; readonly name: 'standard' | 'easy' | 'identical' | 'linecount' }
  | {
      readonly format: 'dmoj';
      readonly name: 'floats';
      readonly epsilon: number;
      readonly mode: 'default' | 'absolute' | 'relative';
    }
  | { readonly format: 'dmoj'; readonly name: 'sorted'; readonly splitOn: 'lines' | 'whitespace' }
  | { readonly format: 'dmoj'; readonly name: 'rstripped'; readonly skipsEmptyLines: boolean }
  | {
      readonly format: 'dmoj';
      readonly name: 'linematches';
      readonly distribution: readonly number[];
      readonly needsAllLines: boolean;
    };

const DIFFERS = 'the output differs from the answer';
const MAX_QUOTED = 40;

/** Works on Latin-1, in which each character is a byte: the checkers of DMOJ compare bytes. */
export function compareDmoj(check: DmojCheck, output: Uint8Array, answer: Uint8Array): CheckResult {
  const actual = latin1(output);
  const expected = latin1(answer);
  switch (check.name) {
    case 'standard':
      return byLines(tokensOf(actual).filter(isFilled), tokensOf(expected).filter(isFilled), isEqual);
    case 'floats':
      return byLines(tokensOf(actual), tokensOf(expected), (got, want) => isSameToken(got, want, check));
    case 'identical':
      return identical(actual, expected);
    case 'easy':
      return verdictOn(
        countsOf(actual) === countsOf(expected),
        'the output has other characters than the answer',
      );
    case 'sorted':
      return verdictOn(
        sortedBy(actual, check.splitOn) === sortedBy(expected, check.splitOn),
        `the ${check.splitOn === 'lines' ? 'lines' : 'words'} differ from those of the answer, in any order`,
      );
    case 'rstripped':
      return rstripped(actual, expected, check.skipsEmptyLines);
    case 'linecount':
      return lineCount(actual, expected);
    case 'linematches':
      return lineMatches(actual, expected, check);
  }
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** White space of Python's bytes. U+0085 and U+00A0 of Latin-1 are parts of UTF-8 characters here. */
const SPACE = /[ \t\n\r\v\f]+/;

const wordsOf = (line: string): string[] => line.split(SPACE).filter((word) => word !== '');
const linesOf = (text: string): string[] => text.split(/[\r\n]/).filter((line) => line !== '');
const tokensOf = (text: string): string[][] => linesOf(text).map(wordsOf);

/** Without a regular expression, which would take quadratic time on a long run of spaces. */
function stripped(line: string): string {
  let start = 0;
  while (start < line.length && SPACE.test(line[start] ?? '')) start++;
  return trimmedEnd(line.slice(start));
}

/** Word by word, so the amount of white space within a line does not count. */
function byLines(
  got: readonly (readonly string[])[],
  want: readonly (readonly string[])[],
  isSame: (got: string, want: string) => boolean,
): CheckResult {
  for (const [n, words] of want.entries()) {
    const line = got[n];
    if (line === undefined)
      return { share: 0, reason: `the output has ${got.length} of ${want.length} lines` };
    if (line.length !== words.length)
      return { share: 0, reason: `line ${n + 1}: ${line.length} words, expected ${words.length}` };
    for (const [at, word] of words.entries()) {
      const found = line[at] ?? '';
      if (!isSame(found, word))
        return { share: 0, reason: `line ${n + 1}: expected ${quoted(word)}, got ${quoted(found)}` };
    }
  }
  return verdictOn(got.length === want.length, `the output has ${got.length} lines, expected ${want.length}`);
}

const isFilled = (words: readonly string[]): boolean => words.length > 0;

const isEqual = (got: string, want: string): boolean => got === want;

const quoted = (token: string): string =>
  oneLine(JSON.stringify(Buffer.from(token.slice(0, 4 * MAX_QUOTED), 'latin1').toString('utf8')), MAX_QUOTED);

function isSameToken(
  got: string,
  want: string,
  { epsilon, mode }: Extract<DmojCheck, { name: 'floats' }>,
): boolean {
  const expected = floatOf(want);
  if (expected === null) return got === want;
  const actual = floatOf(got);
  if (actual === null) return false;
  if (mode === 'absolute') return Math.abs(actual - expected) <= epsilon;
  if (mode === 'relative') {
    const [a, b] = [expected * (1 - epsilon), expected * (1 + epsilon)];
    return Math.min(a, b) <= actual && actual <= Math.max(a, b);
  }
  if (Math.abs(actual - expected) <= epsilon) return true;
  return Math.abs(expected) >= epsilon && Math.abs(1 - actual / expected) <= epsilon;
}

const DIGITS = String.raw`\d+(?:_\d+)*`;
const FLOAT = new RegExp(
  String.raw`^[+-]?(?:inf|infinity|nan|(?:${DIGITS}\.?(?:${DIGITS})?|\.${DIGITS})(?:e[+-]?${DIGITS})?)$`,
  'i',
);

/** As Python's `float`; null for what is no number there. */
function floatOf(word: string): number | null {
  if (!FLOAT.test(word)) return null;
  const sign = word.startsWith('-') ? -1 : 1;
  if (/inf/i.test(word)) return sign * Infinity;
  return /nan/i.test(word) ? Number.NaN : Number(word.replaceAll('_', ''));
}

function identical(actual: string, expected: string): CheckResult {
  if (actual === expected) return { share: 1, reason: null };
  const isPresentation = wordsOf(actual).join(' ') === wordsOf(expected).join(' ');
  return { share: 0, reason: isPresentation ? 'presentation error: only the white space differs' : DIFFERS };
}

/** How often each character occurs, without white space and in lower case. */
function countsOf(text: string): string {
  const counts = new Uint32Array(256);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const folded = code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
    counts[folded] = (counts[folded] ?? 0) + 1;
  }
  for (const space of ' \t\n\r\v\f') counts[space.charCodeAt(0)] = 0;
  return counts.join(',');
}

function sortedBy(text: string, splitOn: 'lines' | 'whitespace'): string {
  const parts = splitOn === 'whitespace' ? wordsOf(text) : tokensOf(text).map((words) => words.join(' '));
  return [parts.length, ...parts.sort()].join('\n');
}

function rstripped(actual: string, expected: string, skipsEmptyLines: boolean): CheckResult {
  const split = (text: string): string[] => (skipsEmptyLines ? linesOf(text) : text.split(/[\r\n]/));
  const got = split(actual);
  const want = split(expected);
  if (got.length !== want.length)
    return { share: 0, reason: `the output has ${got.length} lines, expected ${want.length}` };
  const at = want.findIndex((line, n) => trimmedEnd(line) !== trimmedEnd(got[n] ?? ''));
  return verdictOn(at === -1, `line ${at + 1} differs from the answer`);
}

function trimmedEnd(line: string): string {
  let end = line.length;
  while (end > 0 && SPACE.test(line[end - 1] ?? '')) end--;
  return line.slice(0, end);
}

/** Each line that is right earns its part of the points. */
function lineCount(actual: string, expected: string): CheckResult {
  const got = linesOf(actual);
  const want = linesOf(expected);
  if (got.length > want.length)
    return { share: 0, reason: `the output has ${got.length} lines, expected ${want.length}` };
  if (want.length === 0) return { share: 1, reason: null };
  const right = want.filter((line, n) => n < got.length && stripped(line) === stripped(got[n] ?? '')).length;
  const reason = right === want.length ? null : `${right} of ${want.length} lines are right`;
  return { share: right / want.length, reason };
}

/** Each line has points of its own, and one that is right is enough to pass. */
function lineMatches(
  actual: string,
  expected: string,
  { distribution, needsAllLines }: Extract<DmojCheck, { name: 'linematches' }>,
): CheckResult {
  const got = linesOf(actual);
  const want = linesOf(expected);
  if (want.length !== distribution.length)
    throw new Error(
      `point_distribution has ${distribution.length} numbers, and the answer ${want.length} lines`,
    );
  if (needsAllLines && got.length !== want.length)
    return { share: 0, reason: `the output has ${got.length} lines, expected ${want.length}` };
  const all = distribution.reduce((sum, points) => sum + points, 0);
  const won = distribution.reduce((sum, points, n) => (got[n] === want[n] ? sum + points : sum), 0);
  return { share: won / all, reason: won > 0 ? null : 'no line is right' };
}
