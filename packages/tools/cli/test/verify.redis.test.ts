import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerifyReport } from '@sandpiper/grading';
import { describe, expect, it } from 'vitest';
import { sandpiper, scratchClass } from './grade-folder.js';

const { put, folder } = scratchClass();

async function verified(
  path: string,
  ...options: string[]
): Promise<{ report: VerifyReport; code: number; stdout: string }> {
  const json = join(folder(), 'report.json');
  const { code, stdout, stderr } = await sandpiper(['verify', path, '--json', json, ...options]);
  const text = await readFile(json, 'utf8').catch(() => Promise.reject(new Error(stderr)));
  return { report: JSON.parse(text) as VerifyReport, code, stdout };
}

const findings = ({ findings: all }: VerifyReport): string[] =>
  all.map(({ level, part, where, message }) => `${level} ${part} ${where}: ${message}`);

const INPUT_VALIDATOR = 'import sys\nsys.exit(42 if sys.stdin.read().strip().isdigit() else 43)';
const OUTPUT_VALIDATOR = `import sys
answer = open(sys.argv[2]).read().split()
output = sys.stdin.buffer.read().decode(errors="replace").split()
sys.exit(42 if output[:1] == answer[:1] else 43)`;

const SOUND = {
  'problem.yaml': 'problem_format_version: 2025-09\nname: Double\nuuid: u\nlimits: {time_limit: 1}',
  'statement/problem.en.md': 'Twice.',
  'input_validators/digits.py': INPUT_VALIDATOR,
  'output_validator/v.py': OUTPUT_VALIDATOR,
  'data/sample/1.in': '1\n',
  'data/sample/1.ans': '2\n',
  'data/secret/2.in': '2\n',
  'data/secret/2.ans': '4\n',
  'data/invalid_input/word.in': 'word\n',
  'data/invalid_output/1.in': '1\n',
  'data/invalid_output/1.ans': '2\n',
  'data/invalid_output/1.out': '3\n',
  'data/valid_output/1.in': '1\n',
  'data/valid_output/1.ans': '2\n',
  'data/valid_output/1.out': '2 and more\n',
  'submissions/accepted/a.py': 'print(2 * int(input()))',
  'submissions/wrong_answer/a.py': 'print(2)',
  'submissions/time_limit_exceeded/a.py': 'while True: pass',
};

describe('sandpiper verify', () => {
  it('finds nothing in a package that is sound', async () => {
    await put(SOUND);
    const { report, code, stdout } = await verified(folder());
    expect(findings(report)).toEqual([]);
    expect(report.submissions.map(({ submission, verdict }) => [submission, verdict])).toEqual([
      ['accepted/a.py', 'AC'],
      ['time_limit_exceeded/a.py', 'TLE'],
      ['wrong_answer/a.py', 'WA'],
    ]);
    expect(stdout).toContain('3 of 3 verdicts are as expected; 0 errors, 0 warnings');
    expect(code).toBe(0);
  }, 600_000);

  it('finds what is wrong in each part', async () => {
    await put({
      ...SOUND,
      'data/sample/1.ans': '7\r\n',
      'data/secret/2.in': 'two',
      'data/secret/3.in': '3\n',
      'data/secret/3.ans': '6\n',
      'data/secret/4.in': '3\n',
      'data/secret/4.ans': '6\n',
      'data/invalid_input/number.in': '7\n',
      'data/invalid_output/2.in': '1\n',
      'data/invalid_output/2.ans': '2\n',
      'data/invalid_output/2.out': '2\n',
      'data/valid_output/2.in': '1\n',
      'data/valid_output/2.ans': '2\n',
      'data/valid_output/2.out': '5\n',
      'input_validators/other.ctd': 'INT(1,9)',
      'input_validators/other.cc': 'int main() { return 42; }',
      'submissions/accepted/wrong.py': 'print(1)',
      'surplus.txt': '',
    });
    const { report, code } = await verified(folder());
    expect(findings(report).map((line) => line.replace(/: exit code.*/, ''))).toEqual([
      'warning package sample/1.ans: has lines that end as in Windows (CR LF)',
      'warning package secret/4: has the same input as secret/3',
      'warning package surplus.txt: has no effect here',
      'warning package secret/2.in: does not end with a line break',
      'error inputs secret/2: input_validators/digits.py rejects it',
      'warning inputs input_validators/other.ctd: is not run: Checktestdata files are not read here',
      'warning inputs input_validators/other.cc: is not run: input_validators/other.cc: C++ is compiled only where --compile or SANDPIPER_COMPILE=1 allows it',
      'error outputs invalid_output/2: is accepted',
      'error outputs valid_output/2: is rejected: the output validator rejects the output',
      'error submissions accepted/a.py: sample/1: WA, which is not permitted',
      'error submissions accepted/wrong.py: sample/1: WA, which is not permitted',
    ]);
    expect(code).toBe(1);
  }, 600_000);

  it('checks only the parts that are named, and refuses others', async () => {
    await put({
      ...SOUND,
      'submissions/accepted/wrong.py': 'print(1)',
      'data/invalid_input/number.in': '7\n',
    });
    const { report } = await verified(folder(), '--parts', 'inputs');
    expect(findings(report)).toEqual(['error inputs invalid_input/number: every input validator accepts it']);
    expect(report.submissions).toEqual([]);
    const refused = await sandpiper(['verify', folder(), '--parts', 'inputs,all']);
    expect(refused.stderr).toContain(
      '--parts: "all" is no part; the parts are package, inputs, outputs, submissions',
    );
    expect(refused.code).toBe(2);
  }, 600_000);

  it('warns where the time limit is near what submissions need', async () => {
    const busy = (ms: number): string =>
      `import time\nwhile time.process_time() < ${ms / 1000}: pass\nprint(2 * int(input()))`;
    await put({
      ...SOUND,
      'submissions/accepted/slow.py': busy(800),
      'submissions/time_limit_exceeded/fast.py': busy(1200),
    });
    const { report } = await verified(folder(), '--parts', 'submissions');
    expect(findings(report)).toEqual([
      expect.stringMatching(
        /^warning submissions accepted\/slow\.py: needs 0\.\d+ s; the limit of 1 s is 1\.\d times that, not 2$/,
      ),
      'warning submissions time_limit_exceeded/fast.py: is fast enough with a limit of 1.5 s, 1.5 times that of the problem',
    ]);
  }, 600_000);
});
