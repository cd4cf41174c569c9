import type { Random } from './random.js';

const MAX_BYTES = 4096;
const EDGES = [0, 1, 127, 128, 255, 16, 32, 64];

/** One small change: of bytes, which are decisions, or of their order. */
function change(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const at = random.below(input.length + 1);
  const size = 1 + random.below(Math.max(1, Math.min(32, input.length - at)));
  const before = input.subarray(0, at);
  switch (random.below(8)) {
    case 0: {
      const copy = Uint8Array.from(input);
      if (at < copy.length) copy[at] = random.next() & 0xff;
      return copy;
    }
    case 1: {
      const copy = Uint8Array.from(input);
      if (at < copy.length) copy[at] = EDGES[random.below(EDGES.length)] as number;
      return copy;
    }
    case 2: {
      const copy = Uint8Array.from(input);
      if (at < copy.length) copy[at] = (copy[at] as number) + random.below(9) - 4;
      return copy;
    }
    case 3:
      return joined(before, random.bytes(size), input.subarray(at));
    case 4:
      return joined(before, input.subarray(at + size));
    case 5:
      return joined(input.subarray(0, at + size), input.subarray(at));
    case 6:
      return joined(before, other.subarray(random.below(other.length + 1)));
    default: {
      const from = random.below(other.length + 1);
      return joined(before, other.subarray(from, from + 64), input.subarray(at));
    }
  }
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts).subarray(0, MAX_BYTES));
}

/** A new input of two that are known. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let mutated = input;
  for (let times = 1 + random.below(5); times > 0; times--) mutated = change(mutated, other, random);
  return mutated;
}
