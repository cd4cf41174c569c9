import { Problem } from '../problems.js';

/**
 * A body of JSON has no more values than this; a batch of the largest number of runs, each with fifty fields,
 * has fewer.
 */
const MAX_VALUES = 1_000_000;

/** None of our bodies is deeper than six. */
const MAX_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Looks at the shape of a large body before it is parsed: each of its values costs tens of bytes of memory,
 * whatever it costs its sender. Says nothing of what is no JSON: the parser does. @throws Problem for too
 * many values, or too deep ones
 */
export function scanJson(bytes: Buffer): void {
  let values = 1;
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at + 1);
        break;
      case COMMA:
        values += 1;
        break;
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth += 1;
        values += 1;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth -= 1;
        break;
      default:
        break;
    }
    if (depth > MAX_DEPTH) throw new Problem('bad-request', `the body is more than ${MAX_DEPTH} levels deep`);
    if (values > MAX_VALUES) {
      throw new Problem('body-too-large', `the body has more than ${MAX_VALUES} values`);
    }
  }
}

/** @returns where the quote that ends it stands, or the end of all */
function endOfString(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const end = bytes.indexOf(QUOTE, at);
    if (end === -1) return bytes.length;
    let first = end;
    while (first > from && bytes[first - 1] === BACKSLASH) first -= 1;
    if ((end - first) % 2 === 0) return end;
    at = end + 1;
  }
}
