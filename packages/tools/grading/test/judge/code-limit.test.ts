import { expect, it } from 'vitest';
import { Judging } from '../../src/judge/judging.js';
import { problemWith, submissionOf } from '../graded.js';

it('a submission with more code than limits.code allows does not run', () => {
  const problem = problemWith([['1', '1']]);
  const limited = { ...problem, limitSettings: { ...problem.limitSettings, codeBytes: 2048 } };
  const of = (sizes: readonly number[]) => {
    const files = sizes.map((size, n) => ({ name: `${n}.py`, bytes: Buffer.alloc(size) }));
    return new Judging(limited, submissionOf('a.py', { program: { entry: '0.py', files } }), false);
  };
  expect(of([2000, 48]).next(9)).toHaveLength(1);
  const over = of([2000, 49]);
  expect(over.next(9)).toEqual([]);
  expect(over.outcome()).toMatchObject({
    verdict: 'CE',
    fault: 'has 2049 bytes of code, more than the 2 KiB of limits.code',
  });
});
