import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createGradingProgress } from '../../src/grade/progress.js';

it('a log has a line for each tenth, with the time that is left', () => {
  const stream = new PassThrough();
  let now = 0;
  const progress = createGradingProgress(stream, () => now);
  for (let done = 20; done <= 100; done++) {
    progress.update(done, 100);
    now += 1000;
  }
  progress.stop();
  const lines = String(stream.read()).trimEnd().split('\n');
  expect(lines).toHaveLength(9);
  expect(lines[0]).toBe('sandpiper: 20 of 100 tests done');
  expect(lines[1]).toBe('sandpiper: 30 of 100 tests done, 1 min 10 s left');
  expect(lines.at(-1)).toBe('sandpiper: 100 of 100 tests done');
});

it('a terminal has a bar, with the last verdict where there is room', () => {
  const stream = Object.assign(new PassThrough(), {
    isTTY: true,
    columns: 120,
    ...{ cursorTo: () => true, clearLine: () => true, moveCursor: () => true },
  });
  const progress = createGradingProgress(stream);
  progress.update(0, 10);
  progress.finished('a\u001b[31m.py', 'WA');
  progress.update(5, 10);
  progress.stop();
  const text = String(stream.read());
  expect(text).toContain('grading [');
  expect(text).not.toContain('\u001b[31m');
});
