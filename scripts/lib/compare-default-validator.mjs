// compare-default-validator.mjs REFERENCE [CASES [SEED]]: the default validator against another implementation of the same
// text, a program that is called as output validators are. It generates cases over all flags, prints each difference by its
// kind, and times both on 16 MB. Exit code 1 when a difference is of no kind that docs/grading.md lists.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareOutput } from '../../packages/tools/grading/dist/validators/compare.js';
import { parseCheckerFlags, parseDecimal } from '../../packages/tools/grading/dist/validators/flags.js';

const [reference, cases = '10000', seed = '1'] = process.argv.slice(2);
if (reference === undefined) {
  console.error('usage: compare-default-validator.mjs REFERENCE [CASES [SEED]]');
  process.exit(2);
}

/** mulberry32: the same cases every time. */
let state = Number(seed) >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];

const SPACES = [' ', ' ', ' ', '\n', '\n', '\t', '\r\n', '  ', '\v', '\f'];
const WORDS = [
  'yes',
  'No',
  'IMPOSSIBLE',
  'a',
  'Z9',
  '\u00e9t\u00e9',
  '\u212a',
  '\u0130',
  '-',
  '"',
  '%d',
  '\x01',
  'x'.repeat(50),
];
const BYTES = [
  Buffer.from([0xc9]),
  Buffer.from([0xff, 0xfe]),
  Buffer.from('\u00c9', 'utf8'),
  Buffer.from([0]),
];
const NUMBERS = [
  '0',
  '-0',
  '+1',
  '.5',
  '5.',
  '1e5',
  '1E+5',
  '1e-5',
  '1e400',
  '-1e400',
  'nan',
  'inf',
  '-Infinity',
  '0x10',
];
const ODD = [
  '1e',
  '1e+',
  '0x',
  '0x1p3',
  '1.2.3',
  '1,5',
  '1_000',
  '--1',
  '.',
  'e5',
  '1d5',
  '\u0663',
  '00012',
  '1'.repeat(400),
];
const TOLERANCES = ['0', '1e-9', '1e-6', '0.5', '1e300', '.1', '1E-3'];

function flags() {
  const words = [];
  if (below(3) === 0) words.push('case_sensitive');
  if (below(3) === 0) words.push('space_change_sensitive');
  switch (below(5)) {
    case 0:
      words.push('float_tolerance', pick(TOLERANCES));
      break;
    case 1:
      words.push('float_absolute_tolerance', pick(TOLERANCES));
      break;
    case 2:
      words.push('float_relative_tolerance', pick(TOLERANCES));
      break;
    case 3:
      words.push('float_absolute_tolerance', pick(TOLERANCES), 'float_relative_tolerance', pick(TOLERANCES));
  }
  return words;
}

function token() {
  switch (below(6)) {
    case 0:
      return Buffer.from(pick(WORDS));
    case 1:
      return below(4) === 0 ? pick(BYTES) : Buffer.from(pick(ODD));
    case 2:
      return Buffer.from(pick(NUMBERS));
    default:
      return Buffer.from(String((random() - 0.5) * 10 ** below(12)));
  }
}

/** The same token, or one that is near it. */
function near(bytes) {
  const text = bytes.toString('latin1');
  const value = Number(text);
  switch (below(8)) {
    case 0:
      return token();
    case 1:
      return Buffer.from(text.toUpperCase(), 'latin1');
    case 2:
      return Buffer.from(text.toLowerCase(), 'latin1');
    case 3:
      return Number.isFinite(value) ? Buffer.from(String(value + pick([1e-9, 1e-7, 1e-6, 0.4, 0.6]))) : bytes;
    case 4:
      return Number.isFinite(value) ? Buffer.from(value.toExponential()) : bytes;
    default:
      return bytes;
  }
}

function makeCase() {
  const count = below(7);
  const tokens = Array.from({ length: count }, token);
  const gaps = Array.from({ length: count + 1 }, () => (below(8) === 0 ? '' : pick(SPACES)));
  const join = (list, spaces) =>
    Buffer.concat([
      Buffer.from(spaces[0]),
      ...list.flatMap((one, n) => [one, Buffer.from(spaces[n + 1] || ' ')]),
    ]);
  const answer = join(tokens, gaps);
  const outTokens = tokens.map((one) => (below(3) === 0 ? near(one) : one));
  if (below(12) === 0) outTokens.pop();
  if (below(12) === 0) outTokens.push(token());
  const outGaps = [...gaps, '\n'].map((gap) => (below(10) === 0 ? pick(SPACES) : gap));
  return { answer, output: join(outTokens, outGaps), flags: flags() };
}

const folder = mkdtempSync(join(tmpdir(), 'compare-validator-'));

function runReference(name, output, words) {
  return new Promise((resolve, reject) => {
    const child = spawn(reference, [`${name}.in`, `${name}.ans`, folder, ...words], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ?? code));
    child.stdin.on('error', () => undefined);
    child.stdin.end(output);
  });
}

const tokensOf = (bytes) =>
  bytes
    .toString('latin1')
    .split(/[ \t\n\v\f\r]+/)
    .filter((word) => word !== '');
/** What the C library reads as a number and the format does not. */
const isLax = (word) =>
  parseDecimal(word) === null && /^[+-]?(0x[0-9a-f.]*(p[+-]?\d*)?|(\d+\.?\d*|\.\d+)e[+-]?)$/i.test(word);

/** Why the two may differ, as docs/grading.md lists it; null for what should not be. */
function kindOf({ answer, output, flags: words }) {
  if (answer.includes(0) || output.includes(0)) return 'a NUL byte ends a token';
  if (
    words.some((word) => word.startsWith('float')) &&
    [...tokensOf(answer), ...tokensOf(output)].some(isLax)
  )
    return 'hexadecimal numbers, and numbers whose exponent is missing';
  return null;
}

const kinds = new Map();
let wrong = 0;
try {
  for (let n = 0; n < Number(cases); n++) {
    const one = makeCase();
    const name = join(folder, 'case');
    writeFileSync(`${name}.in`, '');
    writeFileSync(`${name}.ans`, one.answer);
    const theirs = await runReference(name, one.output, one.flags);
    const ours = compareOutput(one.output, one.answer, parseCheckerFlags(one.flags)) === null ? 42 : 43;
    if (ours === theirs) continue;
    const kind = kindOf(one);
    if (kind === null) {
      wrong++;
      console.log(
        `case ${n}: ours ${ours}, reference ${theirs}: ${JSON.stringify({ flags: one.flags, answer: one.answer.toString('latin1'), output: one.output.toString('latin1') })}`,
      );
    } else kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  for (const [kind, count] of kinds) console.log(`${count} differ as listed: ${kind}`);
  console.log(`${cases} cases, seed ${seed}: ${wrong} differences that are not listed`);

  const large = Buffer.from('123 '.repeat(4 * 1024 * 1024));
  const name = join(folder, 'large');
  writeFileSync(`${name}.in`, '');
  writeFileSync(`${name}.ans`, large);
  for (const words of [[], ['float_tolerance', '1e-6']]) {
    let begin = performance.now();
    const theirs = await runReference(name, large, words);
    const reference = performance.now() - begin;
    begin = performance.now();
    const ours = compareOutput(large, large, parseCheckerFlags(words)) === null ? 42 : 43;
    const own = performance.now() - begin;
    console.log(
      `16 MiB, ${words.join(' ') || 'no flags'}: ours ${ours} in ${Math.round(own)} ms, reference ${theirs} in ${Math.round(reference)} ms`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
process.exit(wrong === 0 ? 0 : 1);
