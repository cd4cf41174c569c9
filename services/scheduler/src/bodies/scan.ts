import { ApiProblem } from '../problems.js';

/** Maximum number of values in a JSON body; the largest batch with fifty fields per run has fewer. */
const MAX_VALUES = 1_000_000;

/** No valid body is deeper than six levels. */
const MAX_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Checks the shape of a large body before it is parsed: each value costs tens of bytes of memory, however
 * short its text. Ignores invalid JSON, which the parser reports. @throws ApiProblem for too many values or too
 * deep nesting
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
    if (depth > MAX_DEPTH)
      throw new ApiProblem('bad-request', `the body is more than ${MAX_DEPTH} levels deep`);
    if (values > MAX_VALUES) {
      throw new ApiProblem('body-too-large', `the body has more than ${MAX_VALUES} values`);
    }
  }
}

/** @returns the index of the closing quote, or the end of the text */
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
