import { isUtf8 } from 'node:buffer';

/** Text if the bytes are UTF-8 with a short JSON form, base64 otherwise: nothing is replaced silently. */
export type EncodedBytes = { readonly text: string } | { readonly base64: string };

/** Maximum growth of bytes in JSON, as a factor. Base64 takes 4/3. */
const MAX_GROWTH = 1.4;

/** Allowance of one result or request beyond that, bytes, so that short text always stays text. */
const ALLOWANCE_BYTES = 4096;

/**
 * Extra length of a UTF-8 byte in `JSON.stringify`. It escapes the quote, the backslash and \b \t \n \f \r
 * with a backslash, and others below 0x20 as `\u00XX`; bytes of multi-byte characters are never escaped.
 */
const ADDED = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if ('"\\\b\t\n\f\r'.includes(character)) return 1;
  return byte < 0x20 ? 5 : 0;
});

/** Bytes between two checks of the bound. */
const LOOK_EVERY = 16 * 1024;

/**
 * The exact length of UTF-8 text in `JSON.stringify`, without its quotes, computed without building it.
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
 * Encodes the values of one result so that their JSON takes at most 1.4 times their bytes plus
 * {@link ALLOWANCE_BYTES}, whatever they contain. The allowance is shared, first come, first served.
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

/** Encodes a single value: see {@link ByteEncoder}. */
export function encodeBytes(bytes: Uint8Array, allowance = ALLOWANCE_BYTES): EncodedBytes {
  return new ByteEncoder(allowance).encode(bytes);
}

/** A value in a plain field or in its base64 twin: `stdout` or `stdoutBase64`. */
type Carrier<Name extends string> = { readonly [Field in Name | `${Name}Base64`]?: string | undefined };

/** `{ stdout }` or `{ stdoutBase64 }`: exactly one of the two fields. */
export function fieldsOf<Name extends string>(
  name: Name,
  encoded: EncodedBytes,
): { [Field in Name | `${Name}Base64`]?: string } {
  const field = 'text' in encoded ? { [name]: encoded.text } : { [`${name}Base64`]: encoded.base64 };
  return field as { [Field in Name | `${Name}Base64`]?: string };
}

/** Inverse of {@link encodeBytes} for the two fields of one value in a request or result. */
export function decodeBytes(text: string | undefined, base64: string | undefined): Buffer {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return Buffer.from(text ?? '', 'utf8');
}

/** The bytes of a value: `bytesOf(result, 'stdout')`, `bytesOf(file, 'content')`. Empty when absent. */
export function bytesOf<Name extends string>(carrier: Carrier<Name>, name: Name): Buffer {
  const { [name]: text, [`${name}Base64` as const]: base64 } = carrier as Record<string, string | undefined>;
  return decodeBytes(text, base64);
}

/** A value as readable text: invalid UTF-8 becomes U+FFFD. For exact bytes use {@link bytesOf}. */
export function textOf<Name extends string>(carrier: Carrier<Name>, name: Name): string {
  const { [name]: text, [`${name}Base64` as const]: base64 } = carrier as Record<string, string | undefined>;
  return base64 === undefined ? (text ?? '') : Buffer.from(base64, 'base64').toString('utf8');
}
