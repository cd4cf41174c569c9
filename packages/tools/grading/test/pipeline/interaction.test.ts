import { expect, it } from 'vitest';
import { judgementBeside } from '../../src/pipeline/interaction.js';
import type { ValidatorJudgement } from '../../src/validators/protocol.js';
import { resultOf } from '../results.js';

const judged = (verdict: ValidatorJudgement['verdict']): ValidatorJudgement => ({
  verdict,
  reason: verdict === 'AC' ? null : 'why',
  judgeMessage: null,
  teamMessage: null,
  nextPass: null,
});

it('a program that waits for its validator until its time is over is not to blame', () => {
  const end = { endedFirst: 'program', endedWaiting: true } as const;
  expect(judgementBeside(resultOf('wall-limit', end), judged('WA'))?.verdict).toBe('JE');
  expect(judgementBeside(resultOf('wall-limit', { ...end, endedWaiting: false }), judged('JE'))).toBeNull();
  expect(judgementBeside(resultOf('time-limit', end), judged('WA'))).toBeNull();
});

it.each([
  ['ended well', 'ok', 'program', 'AC', 'AC'],
  ['ended well, and its validator failed', 'ok', 'interactor', 'JE', 'JE'],
  ['crashed after it was rejected', 'runtime-error', 'interactor', 'WA', 'WA'],
  ['crashed because its validator had failed', 'runtime-error', 'interactor', 'JE', 'JE'],
  ['crashed after it was accepted', 'runtime-error', 'interactor', 'AC', null],
  ['crashed first', 'runtime-error', 'program', 'WA', null],
  ['waited for a validator that waited for it', 'deadlock', 'neither', 'WA', null],
] as const)('a program that %s', (_what, status, endedFirst, verdict, counted) => {
  const judgement = judgementBeside(resultOf(status, { endedFirst }), judged(verdict));
  expect(judgement?.verdict ?? null).toBe(counted);
});
