import { buildReport } from '@sandpiper/grading';
import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import {
  gradedAs,
  gradedRow,
  reportOf,
  summaryOf,
  wrongAnswer,
} from '../../../grading/test/report/reported.js';
import { outcomeOf } from '../../../grading/test/results.js';
import { renderGradingReport } from '../../src/grade/render.js';

const linesOf = (text: string): string[] => text.split('\n');
const widest = (text: string): number => Math.max(...linesOf(text).map((line) => stringWidth(line)));
const inColumns = (width: number) => ({ width, isColoured: false });

const MIB = 2 ** 20;
const good = outcomeOf('sample/1', 'AC', { cpuMs: 12.4, peakMemoryBytes: 3 * MIB });
const evil = outcomeOf('secret/03', 'RTE', {
  status: 'runtime-error',
  reason: 'Evil: \u001b]0;x\u0007',
  cpuMs: 99.6,
});
const graded = [
  gradedAs([gradedRow('good.py', summaryOf([good])), gradedRow('bad\u001b.py', summaryOf([good, evil]))]),
];

describe('the table', () => {
  it('has a line per submission, and escapes', () => {
    const text = renderGradingReport(reportOf(graded));
    expect(text).not.toContain('\u001b');
    expect(text).toContain('Sums');
    expect(text).toMatch(/good\.py +│ AC +│ +1\/1 │ +12 ms │ +3\.0 MiB │/);
    expect(text).toMatch(
      /bad\\x1b\.py +│ RTE +│ +1\/2 │ +100 ms │ +3\.0 MiB │ secret\/03: Evil: \\x1b\]0;x\\x07/,
    );
    expect(text).not.toContain('expected');
  });

  it('names the runs whose verdict the load of the host may have decided, in 80 columns', () => {
    const unreliable = 'it waited 7199.9 s of 7200 s for a CPU';
    const tests = Array.from({ length: 7 }, (_, n) =>
      outcomeOf(`secret/long-name-${n}`, 'TLE', { status: 'wall-limit', unreliable }),
    );
    const only = gradedAs([gradedRow('a-very-long-name\u001b.py', summaryOf(tests))]);
    const lines = linesOf(renderGradingReport(reportOf([only]))).slice(-7, -1);
    expect(lines[0]).toBe(`a-very-long-n... secret/l...: unreliable: ${unreliable}`);
    expect(lines.at(-1)).toBe('... and 2 more unreliable; --json names them all');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(renderGradingReport(reportOf(graded))).not.toContain('unreliable');
  });

  it('compares with the expected verdicts', () => {
    const text = renderGradingReport(buildReport(graded, () => 'AC'));
    expect(text).toContain('AC (!)');
    expect(text).toContain('1 of 2 verdicts are as expected.');
  });

  it('has the reason of what cannot run, and where the time limit comes from', () => {
    const one = gradedAs([gradedRow('bob', summaryOf([], { verdict: 'CE', fault: 'is empty\u0007' }))]);
    const text = renderGradingReport(reportOf([{ ...one, timeLimitNote: 'time limit 1 s' }]));
    expect(text).toMatch(/bob +│ CE +│.* is empty\\x07/);
    expect(text).toContain('\ntime limit 1 s\n');
  });

  it('has points, and those of groups below', () => {
    const groups = [
      { group: 'data/secret', verdict: 'WA', score: 40, maxScore: 100 },
      { group: 'data/secret/small', verdict: 'AC', score: 40, maxScore: 40 },
      { group: 'data/secret/large', verdict: null, score: 0, maxScore: 60 },
    ] as const;
    const rows = [gradedRow('a.py', summaryOf([good], { score: 40, maxScore: 100, groups }))];
    const text = renderGradingReport(reportOf([gradedAs(rows, true)]));
    expect(text).toMatch(/a\.py +│ AC +│ +40\/100 │/);
    expect(text).toMatch(/submission +│ small +│ large/);
    expect(text).toMatch(/a\.py +│ 40\/40 +│ +- │/);
  });

  it('says whether CPU time or elapsed time was up', () => {
    const late = (status: 'time-limit' | 'wall-limit' | 'deadlock') =>
      gradedRow(`${status}.py`, summaryOf([outcomeOf('secret/1', 'TLE', { status })]));
    const text = renderGradingReport(
      reportOf([gradedAs([late('time-limit'), late('wall-limit'), late('deadlock')])]),
    );
    expect(text).toMatch(/time-limit\.py │ TLE CPU +│/);
    expect(text).toMatch(/wall-limit\.py │ TLE wall +│/);
    expect(text).toMatch(/deadlock\.py +│ TLE +│/);
  });

  it('warns of what is accepted close to the time limit', () => {
    const row = (label: string, cpuMs: number) =>
      gradedRow(label, summaryOf([outcomeOf('secret/1', 'AC', { cpuMs })]));
    const text = renderGradingReport(reportOf([gradedAs([row('slow.py', 810), row('fast.py', 790)])]));
    expect(linesOf(text).filter((line) => line.includes('close to'))).toEqual([
      'slow.py: close to the time limit: 0.81 s of 1 s of CPU time',
    ]);
  });

  it('says what was stopped and what was selected', () => {
    const stopped = gradedRow('a.py', summaryOf([good]), { isFinished: false });
    const selection = { tests: ['sample/*'], submissions: [], cpuMs: 1500, memoryBytes: 64 * MIB };
    const text = renderGradingReport(reportOf([gradedAs([stopped])], { isComplete: false, selection }));
    expect(text).toMatch(/a\.py +│ stopped │ +1\/1 │.*│ stopped after 1 test │/);
    expect(text).toContain('Only these tests ran: sample/*; verdicts and points are theirs.');
    expect(text).toContain('The time limit is 1.5 s, by --time-limit.');
    expect(text).toContain('The memory limit is 64.0 MiB, by --memory.');
    expect(text).toContain('Incomplete: judging was stopped, and 0 of 1 submissions have a verdict.');
  });
});

describe('on a narrow terminal', () => {
  const long = outcomeOf('secret/a-group/with-a-long-name-03', 'WA', {
    reason: `line 1: expected ${'"many words" '.repeat(20)}`,
  });
  const groups = Array.from({ length: 12 }, (_, n) => ({
    ...{ group: `data/secret/a-long-group-name-${n}`, verdict: 'AC', score: 10, maxScore: 100 },
  })) as never;
  const rows = [
    gradedRow('日本語の長い名前'.repeat(8), summaryOf([long], { score: 1234.56, maxScore: 9999.99, groups })),
    gradedRow(
      `${'x'.repeat(200)}.py`,
      summaryOf([], { verdict: 'CE', fault: `is empty ${'y'.repeat(300)}` }),
    ),
    gradedRow('👩‍👩‍👧 e\u0301'.repeat(30), summaryOf([wrongAnswer('secret/1')])),
    gradedRow('a.py', summaryOf([good])),
  ];
  const report = buildReport([gradedAs(rows, true, 'A name '.repeat(40))], () => 'AC');
  const noted = {
    ...report,
    problems: report.problems.map((one) => ({ ...one, timeLimitNote: 'words '.repeat(60) })),
  };

  it.each([40, 60, 80, 100, 132])('of %i columns no line is wider, and no border is broken', (columns) => {
    const text = renderGradingReport(noted, inColumns(columns));
    expect(widest(text)).toBeLessThanOrEqual(columns);
    const bordered = linesOf(text).filter((line) => /^[┌├│└]/.test(line));
    expect(bordered.filter((line) => !/[┐┤│┘]$/.test(line))).toEqual([]);
    expect(text).toMatch(/a\.py +│ AC/);
  });

  it('has reasons below their rows, shortened with three dots', () => {
    const text = renderGradingReport(noted, inColumns(80));
    expect(text).not.toContain('first failure');
    expect(text).toMatch(/│ {3}secret\/a-group\/with-a-long-name-03: line 1: expected "many words"/);
    expect(text).toContain('...');
  });

  it('shows the end of a path and the begin of a name', () => {
    const labels = [`accepted/${'long-'.repeat(10)}name.py`, `${'b'.repeat(50)}.py`];
    const some = reportOf([gradedAs(labels.map((label) => gradedRow(label, summaryOf([good]))))]);
    expect(renderGradingReport(some, inColumns(60))).toMatch(/│ \.\.\.\S*name\.py +│[^]*│ bbb\S*\.\.\. +│/);
  });

  it('is as it is on a wide one where it fits', () => {
    const report80 = reportOf([gradedAs([gradedRow('a.py', summaryOf([good]))])]);
    expect(renderGradingReport(report80, inColumns(80))).toBe(renderGradingReport(report80));
  });
});

describe('colours', () => {
  it('are in verdicts, change no width, and are there only when they are asked for', () => {
    const plain = renderGradingReport(reportOf(graded), inColumns(80));
    const coloured = renderGradingReport(reportOf(graded), { width: 80, isColoured: true });
    expect(coloured).toContain('\u001b[32mAC\u001b[0m');
    expect(coloured).toContain('\u001b[31mRTE\u001b[0m');
    // oxlint-disable-next-line no-control-regex -- what colours are
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(plain);
  });
});
