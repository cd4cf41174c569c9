/**
 * Data kept for a guest must hold its own bytes and nothing else. In V8 a substring keeps the whole string
 * alive (SlicedString), a concatenation keeps its parts (ConsString), and a small Buffer keeps its 8 KiB pool
 * (buffer.poolSize).
 */
export function keptText(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('latin1');
}

export function keptBytes(data: Uint8Array): Buffer {
  const kept = Buffer.allocUnsafeSlow(data.length);
  kept.set(data);
  return kept;
}
