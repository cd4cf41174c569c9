import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkerFieldsOf, verdictOnRun } from '../../src/judge/judge-run.js';
import { Comparer } from '../../src/validators/comparer.js';
import { parseCheckerFlags } from '../../src/validators/flags.js';
import { resultOf } from '../results.js';

let comparer: Comparer;
beforeEach(() => {
  comparer = new Comparer();
});
afterEach(() => comparer.close());

const syntaxError = (file: string) => ({
  exitCode: 1,
  stderr: `  File "${file}", line 1\n    print(\n         ^\nSyntaxError: '(' was never closed\n`,
});

describe('the verdict on a run', () => {
  it('is absent where nothing is expected', async () => {
    expect(await verdictOnRun(resultOf('ok'), {}, comparer)).toEqual({});
  });

  it('follows from the output of a run that ended well', async () => {
    const ok = resultOf('ok', { stdout: 'Yes 0.3333333\n' });
    expect(await verdictOnRun(ok, { expected: 'yes  0.3333333' }, comparer)).toEqual({ verdict: 'AC' });
    expect(await verdictOnRun(ok, { expected: 'yes 0.5' }, comparer)).toEqual({
      verdict: 'WA',
      verdictReason: 'line 1: expected "0.5", got "0.3333333"',
    });
    const request = { expectedBase64: Buffer.from('Yes 0.333333').toString('base64') };
    const checker = { caseSensitive: true, absoluteTolerance: 1e-6 };
    expect(await verdictOnRun(ok, { ...request, checker }, comparer)).toEqual({ verdict: 'AC' });
  });

  it.each([
    ['time-limit', 'TLE'],
    ['wall-limit', 'TLE'],
    ['memory-limit', 'MLE'],
    ['output-limit', 'OLE'],
    ['violation', 'RTE'],
    ['internal-error', 'JE'],
    ['cancelled', 'JE'],
  ] as const)('of a run that ended with %s is %s', async (status, verdict) => {
    const found = await verdictOnRun(resultOf(status), { expected: '42' }, comparer);
    expect(found).toMatchObject({ verdict, verdictReason: expect.any(String) as string });
  });

  it('is CE where a file of the program does not compile, and RTE where another does not', async () => {
    const at = async (file: string) =>
      (await verdictOnRun(resultOf('runtime-error', syntaxError(file)), { expected: '' }, comparer)).verdict;
    expect(await at('/box/main.py')).toBe('CE');
    expect(await at('/tmp/made.py')).toBe('RTE');
  });

  it('is WA where the service has kept less output than there was', async () => {
    const cut = resultOf('ok', { stdoutTruncated: true });
    expect(await verdictOnRun(cut, { expected: '42' }, comparer)).toMatchObject({ verdict: 'WA' });
  });

  it('is found in a thread for a large output, and a thread that dies is a failure of the judge', async () => {
    const stdout = '7 '.repeat(500_000);
    const expected = `${stdout}8`;
    expect(await verdictOnRun(resultOf('ok', { stdout }), { expected }, comparer)).toEqual({
      verdict: 'WA',
      verdictReason: 'the output ends before token 500001, "8"',
    });
    const late = verdictOnRun(resultOf('ok', { stdout }), { expected }, comparer);
    await comparer.close();
    expect(await late).toMatchObject({ verdict: 'JE' });
  });

  it('takes the flags of the format as fields', () => {
    const options = parseCheckerFlags(['case_sensitive', 'float_tolerance', '1e-6']);
    expect(checkerFieldsOf(options)).toEqual({
      caseSensitive: true,
      spaceChangeSensitive: false,
      absoluteTolerance: 1e-6,
      relativeTolerance: 1e-6,
    });
  });
});
