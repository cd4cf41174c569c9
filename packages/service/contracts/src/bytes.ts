import { isUtf8 } from 'node:buffer';

/**
 * Text where the bytes are UTF-8 and JSON writes them shortly, base64 otherwise: nothing is replaced
 * silently.
 */
export type EncodedBytes = { readonly text: string } | { readonly base64: string };

/** The most that bytes may grow by when they are written as JSON, as a factor. Base64 takes 4/3. */
const MAX_GROWTH = 1.4;

/**
 * What the values of one result or request may take beyond that, bytes: short text stays text, whatever it
 * holds.
 */
const ALLOWANCE_BYTES = 4096;

/**
 * What `JSON.stringify` adds to a byte of UTF-8. It writes the quote, the backslash and \b \t \n \f \r with a
 * backslash, and the others below 0x20 as `\u00XX`; no byte of a longer character is any of these.
 */
const ADDED = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if ('"\\\b\t\n\f\r'.includes(character)) return 1;
  return byte < 0x20 ? 5 : 0;
});

/** Bytes between two looks at whether it is too much already. */
const LOOK_EVERY = 16 * 1024;

/**
 * What `JSON.stringify` makes of UTF-8, without its quotes, bytes: exactly, and without making it.
 * @returns the size, or any number above `most` where it is more
 */
function jsonSize(utf8: Uint8Array, most: number): number {
  let size = utf8.length;
  for (let at = 0; at < utf8.length && size <= most; ) {
    const end = Math.min(utf8.length, at + LOOK_EVERY);
    for (; at < end; at++) size += ADDED[utf8[at] as number] as number;
  }
  return size;
}

/**
 * Writes the values of one result, so that its JSON takes at most 1.4 times their bytes and
 * {@link ALLOWANCE_BYTES}, whatever they hold: the allowance is shared, first come first served.
 */
export class ByteEncoder {
  constructor(private allowance = ALLOWANCE_BYTES) {}

  encode(bytes: Uint8Array): EncodedBytes {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (isUtf8(view)) {
      const fair = Math.floor(MAX_GROWTH * view.length);
      const size = jsonSize(view, fair + this.allowance);
      if (size <= fair + this.allowance) {
        this.allowance -= Math.max(0, size - fair);
        return { text: view.toString('utf8') };
      }
    }
    return { base64: view.toString('base64') };
  }
}

/** One value by itself: {@link ByteEncoder}. */
export function encodeBytes(bytes: Uint8Array, allowance = ALLOWANCE_BYTES): EncodedBytes {
  return new ByteEncoder(allowance).encode(bytes);
}

/** What carries one value in a field, or as base64 in its twin: `stdout` or `stdoutBase64`. */
type Carrier<Name extends string> = { readonly [Field in Name | `${Name}Base64`]?: string | undefined };

/** `{ stdout }` or `{ stdoutBase64 }`: exactly one of the two fields. */
export function fieldsOf<Name extends string>(
  name: Name,
  encoded: EncodedBytes,
): { [Field in Name | `${Name}Base64`]?: string } {
  const field = 'text' in encoded ? { [name]: encoded.text } : { [`${name}Base64`]: encoded.base64 };
  return field as { [Field in Name | `${Name}Base64`]?: string };
}

/** Inverse of {@link encodeBytes} over the two fields that carry one value in a request or result. */
export function decodeBytes(text: string | undefined, base64: string | undefined): Buffer {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return Buffer.from(text ?? '', 'utf8');
}

/**
 * The bytes of a value: `bytesOf(result, 'stdout')`, `bytesOf(file, 'content')`. Empty where it is not there.
 */
export function bytesOf<Name extends string>(carrier: Carrier<Name>, name: Name): Buffer {
  const { [name]: text, [`${name}Base64` as const]: base64 } = carrier as Record<string, string | undefined>;
  return decodeBytes(text, base64);
}

/**
 * A value as text, for people: what is not UTF-8 becomes U+FFFD. Where each byte counts use {@link bytesOf}.
 */
export function textOf<Name extends string>(carrier: Carrier<Name>, name: Name): string {
  const { [name]: text, [`${name}Base64` as const]: base64 } = carrier as Record<string, string | undefined>;
  return base64 === undefined ? (text ?? '') : Buffer.from(base64, 'base64').toString('utf8');
}
