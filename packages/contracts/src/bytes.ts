/** Text where the bytes are UTF-8, base64 where they are not: nothing is replaced silently. */
export type EncodedBytes = { readonly text: string } | { readonly base64: string };

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function encodeBytes(bytes: Uint8Array): EncodedBytes {
  try {
    return { text: strictDecoder.decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64') };
  }
}

/** Inverse of {@link encodeBytes} over the two fields that carry one value in a request or result. */
export function decodeBytes(text: string | undefined, base64: string | undefined): Buffer {
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return Buffer.from(text ?? '', 'utf8');
}
