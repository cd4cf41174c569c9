import { escapeCharacter, UNSAFE } from './escape.js';

/**
 * Makes a stream of guest output safe for a terminal: sequences that would move the cursor, change colours,
 * rename the window or reorder a line become visible escapes, and so do bytes that are not UTF-8. Line breaks
 * and tabs stay. Characters may be split across chunks.
 */
export class TerminalText {
  #rest = Buffer.alloc(0);

  /** The complete part of the text so far. */
  take(piece: Uint8Array): string {
    const bytes = Buffer.concat([this.#rest, piece]);
    let text = '';
    let at = 0;
    while (at < bytes.length) {
      const size = sizeOf(bytes, at);
      if (size === null) break;
      if (size === 0) {
        text += `\\x${(bytes[at] ?? 0).toString(16).padStart(2, '0')}`;
        at++;
        continue;
      }
      text += bytes.toString('utf8', at, at + size).replace(UNSAFE, shown);
      at += size;
    }
    this.#rest = bytes.subarray(at);
    return text;
  }
}

function shown(character: string): string {
  return character === '\n' || character === '\t' ? character : escapeCharacter(character);
}

/** Length of the UTF-8 character at `at`, or of a run of ASCII; 0 when invalid, null when incomplete. */
function sizeOf(bytes: Buffer, at: number): number | null {
  let end = at;
  while (end < bytes.length && (bytes[end] ?? 0) < 0x80) end++;
  if (end > at) return end - at;
  const first = bytes[at] ?? 0;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  const have = bytes.subarray(at, at + size);
  if (!have.subarray(1).every((byte) => (byte & 0xc0) === 0x80)) return 0;
  if (have.length < size) return null;
  // Overlong forms and surrogates decode to U+FFFD, which itself has three bytes.
  return have.toString('utf8').includes('\ufffd') && have.toString('hex') !== 'efbfbd' ? 0 : size;
}
