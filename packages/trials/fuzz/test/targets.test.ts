import { assert, property, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { corpusFile, readCorpus } from '../src/corpus.js';
import { Finding } from '../src/finding.js';
import { fuzz } from '../src/loop.js';
import { Source } from '../src/source.js';
import { TARGETS } from '../src/targets.js';

/** The same runs each time. FUZZ_SEED=N adds as many of another seed; scripts/fuzz looks for new inputs. */
const { FUZZ_SEED } = process.env;
const SEEDS = FUZZ_SEED === undefined ? [1] : [1, Number(FUZZ_SEED)];
const RUNS = 1000;
const MINUTE = 60_000;

describe.each(Object.entries(TARGETS))('the fuzzer of the %s', (name, target) => {
  test(
    'finds nothing in what is kept',
    () => {
      const corpus = readCorpus(corpusFile(name));
      expect(corpus.length).toBeGreaterThan(0);
      for (const entry of corpus) expect(() => target(entry.bytes), entry.name).not.toThrow();
    },
    2 * MINUTE,
  );

  test.each(SEEDS)(
    'finds nothing in any bytes, seed %d',
    (seed) => {
      const lives = property(uint8Array({ minLength: 1, maxLength: 1500, size: 'max' }), (bytes) =>
        target(bytes),
      );
      assert(lives, { numRuns: RUNS, seed });
    },
    2 * MINUTE,
  );
});

describe('a fuzzer', () => {
  const nothing = { known: [], onInput: () => undefined, onProgress: () => undefined };

  test(
    'finds what is there to be found, and says by which bytes',
    () => {
      const fragile = (bytes: Uint8Array): void => {
        const source = new Source(bytes);
        if (source.byte() > 250) throw new Finding('there it is');
      };
      const { finding } = fuzz(fragile, { ...nothing, seconds: 60, seed: 1 });
      expect(finding?.message).toBe('there it is');
      expect(() => fragile(finding?.bytes ?? new Uint8Array())).toThrow('there it is');
    },
    MINUTE,
  );

  test('takes an error of another kind for a finding as well', () => {
    const broken = (): void => {
      throw new RangeError('out of range');
    };
    expect(fuzz(broken, { ...nothing, seconds: 60, seed: 1 }).finding?.message).toMatch(/out of range/);
  });
});
