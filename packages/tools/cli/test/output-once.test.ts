import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputOnce } from '../src/run/output-once.js';

/** Says a text in pieces; gives what was shown of it, and how often it was told that it differs. */
function say(output: OutputOnce, text: string, sizes: readonly number[] = [text.length]) {
  let shown = '';
  let told = 0;
  for (let at = 0, i = 0; at < text.length; at += sizes[i++ % sizes.length] ?? 1) {
    const { fresh, differs } = output.take(Buffer.from(text.slice(at, at + (sizes[i % sizes.length] ?? 1))));
    shown += fresh.toString();
    told += Number(differs);
  }
  return { shown, told };
}

describe('output of a restarted program', () => {
  it('is shown once, and continues where it stopped', () => {
    const output = new OutputOnce();
    expect(say(output, 'one\ntwo\n')).toEqual({ shown: 'one\ntwo\n', told: 0 });
    output.restart();
    expect(say(output, 'one\n')).toEqual({ shown: '', told: 0 });
    output.restart();
    expect(say(output, 'one\ntwo\nthree\n')).toEqual({ shown: 'three\n', told: 0 });
  });

  it('is shown from the first difference on', () => {
    const output = new OutputOnce();
    say(output, 'time 1234 of it\n');
    output.restart();
    expect(say(output, 'time 1299 of it\n', [7, 2])).toEqual({ shown: '99 of it\n', told: 1 });
    output.restart();
    expect(say(output, 'time 1299 of it\nend\n')).toEqual({ shown: 'end\n', told: 0 });
  });

  it('is that of the last attempt after the common beginning', () => {
    const ascii = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 12 });
    const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.tuple(ascii, sizes), { minLength: 1, maxLength: 4 }), (lives) => {
        const output = new OutputOnce();
        let known = '';
        for (const [text, pieces] of lives) {
          output.restart();
          let same = 0;
          while (same < Math.min(known.length, text.length) && known[same] === text[same]) same++;
          const differs = same < Math.min(known.length, text.length);
          expect(say(output, text, pieces)).toEqual({ shown: text.slice(same), told: Number(differs) });
          if (differs || text.length > known.length) known = text;
        }
      }),
    );
  });
});
