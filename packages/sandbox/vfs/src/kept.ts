/**
 * What is kept of a guest's must hold its own bytes and nothing beside them: a part of a string holds the whole string (V8:
 * SlicedString), one that was put together holds its parts (ConsString), and a small Buffer a share of a pool of 8 KiB
 * (buffer.poolSize), all of it for as long as any of it is there.
 */
export function keptText(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('latin1');
}

export function keptBytes(data: Uint8Array): Buffer {
  const kept = Buffer.allocUnsafeSlow(data.length);
  kept.set(data);
  return kept;
}
