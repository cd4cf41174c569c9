import { describe, expect, it } from 'vitest';
import { csvOf, junitOf } from '../../src/report/sheets.js';
import { outcomeOf } from '../results.js';
import { gradedAs, gradedRow, reportOf, summaryOf } from './reported.js';

describe('the grade sheet', () => {
  it('has a line for each submission, and its cells are no formulas', () => {
    const wrong = outcomeOf('t', 'WA', { reason: 'got "a",\n"b"' });
    const rows = [
      gradedRow('=cmd()', summaryOf([wrong], { score: 1.5, maxScore: 3 })),
      gradedRow('bob', summaryOf([], { verdict: 'CE', fault: 'is empty' })),
      gradedRow('eve', summaryOf([]), { isFinished: false }),
    ];
    expect(csvOf(reportOf([gradedAs(rows, true)])).split('\r\n')).toEqual([
      'problem,submission,verdict,points,most,passed,tests,expected,reason',
      `Sums,'=cmd(),WA,1.5,3,0,1,,"t: got ""a"",\n""b"""`,
      'Sums,bob,CE,,,0,0,,is empty',
      'Sums,eve,,,,0,0,,judging was stopped',
      '',
    ]);
  });
});

describe('JUnit XML', () => {
  it('is well-formed, whatever students write', () => {
    const rows = [
      gradedRow(
        'a<b>',
        summaryOf([outcomeOf('s/1', 'AC'), outcomeOf('s/2', 'WA', { reason: '"]]>\u0000&' })]),
      ),
      gradedRow('bob', summaryOf([], { verdict: 'CE', fault: 'is empty' })),
      gradedRow('eve', summaryOf([]), { isFinished: false }),
    ];
    const text = junitOf(reportOf([gradedAs(rows)]));
    expect(text).toContain('<testsuite name="Sums: a&lt;b&gt;" tests="2" failures="1" errors="0">');
    expect(text).toContain('<failure type="WA" message="&quot;]]&gt;\uFFFD&amp;"/>');
    expect(text).toContain('name="submission"><error message="is empty"/>');
    expect(text).toContain('name="submission"><skipped message="judging was stopped"/>');
  });
});
