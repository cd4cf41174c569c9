import type { RunResult, RunStatus } from '@sandpiper/contracts';
import { describe, expect, it } from 'vitest';
import { judgementOf, VALIDATOR_PATHS, type ValidatorScoring } from '../../src/validators/protocol.js';
import { resultOf } from '../results.js';

const FEEDBACK = VALIDATOR_PATHS.feedback;

function judged(
  exitCode: number,
  files: Readonly<Record<string, string>> = {},
  {
    scoring = 'never',
    isMultiPass = false,
    ...more
  }: Partial<RunResult> & {
    scoring?: ValidatorScoring;
    isMultiPass?: boolean;
  } = {},
) {
  const status: RunStatus = exitCode === 0 ? 'ok' : 'runtime-error';
  const outputs = Object.entries(files).map(([name, content]) => ({ name: `${FEEDBACK}${name}`, content }));
  const result = resultOf(status, { exitCode, outputs, ...more });
  return judgementOf(result, { scoring, isMultiPass, name: 'output_validator' });
}

describe('an output validator of a package', () => {
  it('accepts with 42 and rejects with 43, with its message as the reason', () => {
    expect(judged(42)).toMatchObject({ verdict: 'AC', reason: null, judgeMessage: null, nextPass: null });
    expect(judged(43)).toMatchObject({ verdict: 'WA', reason: 'the output validator rejects the output' });
    const files = { 'judgemessage.txt': '\n  line 3 is wrong\u0007\nmore', 'teammessage.txt': 'look again' };
    expect(judged(43, files)).toMatchObject({
      verdict: 'WA',
      reason: 'line 3 is wrong\\x07',
      judgeMessage: files['judgemessage.txt'],
      teamMessage: 'look again',
    });
  });

  it.each<[string, ReturnType<typeof judged>, RegExp]>([
    ['exits with 0', judged(0), /^output_validator: exited with 0 instead of 42 or 43$/],
    [
      'exits with 1',
      judged(1, {}, { stderr: 'Traceback\nValueError: no\n' }),
      /exited with 1 .*: ValueError: no$/,
    ],
    [
      'says why it failed',
      judged(1, { 'judgeerror.txt': 'bad answer file' }),
      /exited with 1 .*: bad answer file$/,
    ],
    [
      'hangs',
      judged(42, {}, { status: 'time-limit', exitCode: null, message: 'more than 60 s' }),
      /time-limit: more/,
    ],
    ['prints without end', judged(42, {}, { status: 'output-limit', exitCode: null }), /output-limit: /],
    ['dies', judged(42, {}, { signal: 'SIGSEGV', exitCode: null }), /runtime-error: /],
    [
      'attacks',
      judged(42, {}, { status: 'violation', exitCode: null, message: 'bad call' }),
      /violation: bad call/,
    ],
  ])('that %s is a failure of the judge', (_name, judgement, reason) => {
    expect(judgement.verdict).toBe('JE');
    expect(judgement.reason).toMatch(reason);
  });

  it('gives points where the problem takes them', () => {
    const score = (text: string, scoring: ValidatorScoring, exitCode = 42) =>
      judged(exitCode, { 'score.txt': text }, { scoring });
    expect(score('7.5\n', 'accepted')).toMatchObject({ verdict: 'AC', score: 7.5 });
    expect(score('-1', 'always')).toMatchObject({ verdict: 'AC', score: -1 });
    expect(judged(42, { 'score_multiplier.txt': '0.25' }, { scoring: 'accepted' })).toMatchObject({
      scoreMultiplier: 0.25,
    });
    expect(judged(42, {}, { scoring: 'accepted' })).not.toHaveProperty('score');
    expect(score('0', 'optional', 43)).toMatchObject({ verdict: 'WA' });
  });

  it.each<[string, ReturnType<typeof judged>, RegExp]>([
    ['NaN', judged(42, { 'score.txt': 'nan' }, { scoring: 'always' }), /wrote no number into score\.txt/],
    [
      'infinity',
      judged(42, { 'score.txt': '1e999' }, { scoring: 'always' }),
      /wrote no number into score\.txt/,
    ],
    ['nothing', judged(42, { 'score.txt': '' }, { scoring: 'accepted' }), /wrote no number into score\.txt/],
    ['a negative score', judged(42, { 'score.txt': '-1' }, { scoring: 'accepted' }), /a negative number/],
    [
      'too large a part',
      judged(42, { 'score_multiplier.txt': '1.5' }, { scoring: 'accepted' }),
      /not 0 to 1/,
    ],
    [
      'both',
      judged(42, { 'score.txt': '1', 'score_multiplier.txt': '1' }, { scoring: 'accepted' }),
      /wrote both/,
    ],
    [
      'points for a rejected output',
      judged(43, { 'score.txt': '1' }, { scoring: 'accepted' }),
      /and rejected/,
    ],
    ['points that nobody wants', judged(42, { 'score.txt': '1' }), /takes no points/],
    ['no points where it must', judged(42, {}, { scoring: 'always' }), /wrote no score\.txt/],
    [
      'another pass and a rejection',
      judged(43, { 'nextpass.in': '' }, { isMultiPass: true }),
      /wrote nextpass\.in and/,
    ],
  ])('that gives %s is a failure of the judge', (_name, judgement, reason) => {
    expect(judgement.verdict).toBe('JE');
    expect(judgement.reason).toMatch(reason);
  });

  it('asks for another pass in multi-pass problems alone', () => {
    const files = { 'nextpass.in': 'again' };
    expect(judged(42, files, { isMultiPass: true }).nextPass?.toString()).toBe('again');
    expect(judged(42, files).nextPass).toBeNull();
    expect(judged(42, files, { isMultiPass: true, scoring: 'always' }).verdict).toBe('AC');
  });
});
