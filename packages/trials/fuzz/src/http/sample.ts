import { createGeneratorSync } from 'json-schema-faker';
import type { Random } from '../random.js';
import type { ApiDocument, Schema } from './document.js';

/** The sampler maximises lengths: requests at their limits are made on purpose, not every time. */
const MOST = { maxLength: 300, maxItems: 6, maxProperties: 6 } as const;

function clamp(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clamp);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const most = Object.hasOwn(MOST, key) ? MOST[key as keyof typeof MOST] : null;
      return [key, most !== null && typeof member === 'number' ? Math.min(most, member) : clamp(member)];
    }),
  );
}

/** A random value that a schema allows; null where the sampler does not understand it. */
export function sampler(document: ApiDocument, random: Random): (schema: Schema) => unknown {
  const components = clamp(document.components);
  return (schema) => {
    try {
      // The more fields there are, the less often interdependent ones agree.
      const optionalsProbability = [0, 0, 0.1, 0.4][random.below(4)] as number;
      const generator = createGeneratorSync({ seed: random.next() >>> 0, optionalsProbability, maxItems: 4 });
      return generator.generate({ ...(clamp(schema) as Schema), components });
    } catch {
      return null;
    }
  };
}

const NUMBERS = [0, -1, 1.5, 2 ** 31, 2 ** 53, 1e308, -1e308, 5e-324];
const STRINGS = [
  '',
  'x'.repeat(5000),
  '\0',
  '\u202e\u2066',
  '\ud800',
  '../../etc/passwd',
  '%00',
  '\r\nSet-Cookie: a=b',
  'constructor',
  '__proto__',
  '{{7*7}}',
  "';--",
  '\x1b[2J',
  'é'.repeat(300),
];
const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'unknown',
  '',
  '0',
  'a.b',
  '\0',
  'x'.repeat(2000),
];

/** Anything but the requested type. */
function otherValue(random: Random): unknown {
  const values = [null, true, [], {}, [[[]]], [null], { a: 1 }];
  switch (random.below(4)) {
    case 0:
      return NUMBERS[random.below(NUMBERS.length)];
    case 1:
      return STRINGS[random.below(STRINGS.length)];
    case 2:
      return Array.from({ length: random.below(3000) }, () => 0);
    default:
      return values[random.below(values.length)];
  }
}

/** A value with one part changed, left out, or added. */
export function spoil(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random.below(8) === 0) return otherValue(random);
  if (Array.isArray(value)) {
    if (value.length === 0) return [otherValue(random)];
    const at = random.below(value.length);
    return value.map((item, i) => (i === at ? spoil(item, random) : (item as unknown)));
  }
  const entries = Object.entries(value);
  const kind = random.below(5);
  const at = random.below(Math.max(1, entries.length));
  if (kind === 0) entries.splice(at, 1);
  else if (kind === 1 || entries.length === 0)
    entries.push([NAMES[random.below(NAMES.length)] as string, otherValue(random)]);
  else entries[at] = [entries[at]?.[0] as string, spoil(entries[at]?.[1], random)];
  // By defineProperty, so that `__proto__` is a name like any other, and is sent.
  const spoilt = {};
  for (const [name, member] of entries)
    Object.defineProperty(spoilt, name, { value: member, enumerable: true, configurable: true });
  return spoilt;
}

/** Invalid or excessive JSON. */
export function brokenJson(text: string, random: Random): Buffer {
  const bytes = Buffer.from(text);
  switch (random.below(6)) {
    case 0:
      return bytes.subarray(0, random.below(bytes.length + 1));
    case 1:
      return Buffer.from('['.repeat(1 + random.below(50_000)));
    case 2:
      return Buffer.from(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
    case 3: {
      const copy = Buffer.from(bytes);
      for (let i = 0; i < 3 && copy.length > 0; i++) copy[random.below(copy.length)] = random.below(256);
      return copy;
    }
    case 4:
      return Buffer.concat([bytes, bytes]);
    default:
      return Buffer.from(
        `{"source":"x","limits":{"cpuMs":${'9'.repeat(400)}},"__proto__":{"polluted":true}}`,
      );
  }
}

export function hostileText(random: Random): string {
  return STRINGS[random.below(STRINGS.length)] as string;
}
