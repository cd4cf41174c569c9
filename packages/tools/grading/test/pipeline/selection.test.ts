import { describe, expect, it } from 'vitest';
import type { TestGroup } from '../../src/data/test-case.js';
import { testsOf } from '../../src/data/test-case.js';
import type { KeyedJob } from '../../src/pipeline/pipeline.js';
import { type GradingSelection, selectJobs, WHOLE } from '../../src/pipeline/selection.js';
import { bestScores } from '../../src/scoring/score.js';
import { problemWith, submissionOf } from '../graded.js';
import { legacyData, modernData } from '../results.js';

function jobWith(tests: TestGroup, isScoring = true): KeyedJob {
  const best = bestScores({ tests, isScoring, objective: 'max' });
  const problem = { ...problemWith([]), isScoring, tests, allTests: testsOf(tests), best };
  const labels = ['alice.py', 'bob.py', 'accepted/best.py'];
  return { problem, submissions: labels.map((label) => submissionOf(label)), ignored: [] };
}

const selected = (job: KeyedJob, selection: Partial<GradingSelection>) => {
  const [only] = selectJobs([job], { ...WHOLE, ...selection }).jobs;
  if (only === undefined) throw new Error('no job');
  return only;
};

describe('a selection', () => {
  const groups = { sample: ['1', '2'], small: ['1', '2'], large: ['1'] };

  it('of tests takes names and groups, and the points are theirs', () => {
    const job = jobWith(legacyData({}, groups));
    const names = (tests: string[]) => selected(job, { tests }).problem.allTests.map(({ name }) => name);
    expect(names(['sample/*'])).toEqual(['sample/1', 'sample/2']);
    expect(names(['secret/large', 'sample/2'])).toEqual(['sample/2', 'secret/large/1']);
    expect(names(['secret/{small,large}/1'])).toEqual(['secret/small/1', 'secret/large/1']);
    expect(job.problem.best.problem).toBe(5);
    expect(selected(job, { tests: ['secret/small'] }).problem.best.problem).toBe(2);
  });

  it('of tests requires no group that does not run', () => {
    const job = jobWith(modernData({ 'data/secret/large': { requirePass: ['data/secret/small'] } }, groups));
    const { tests } = selected(job, { tests: ['secret/large'] }).problem;
    expect(JSON.stringify(tests)).not.toContain('small');
  });

  it('of submissions takes labels, or the names at their end', () => {
    const job = jobWith(legacyData({}, groups));
    const labels = (submissions: string[]) =>
      selected(job, { submissions }).submissions.map(({ label }) => label);
    expect(labels(['b*.py'])).toEqual(['bob.py', 'accepted/best.py']);
    expect(labels(['accepted', 'alice.py'])).toEqual(['alice.py', 'accepted/best.py']);
  });

  it('of nothing is an error that names the pattern', () => {
    const job = jobWith(legacyData({}, groups));
    expect(() => selected(job, { tests: ['sample/1', 'sample/9'] })).toThrow(
      /^--tests "sample\/9": matches none$/,
    );
    expect(() => selected(job, { submissions: ['eve*'] })).toThrow(/^--submissions "eve\*": matches none$/);
  });

  it('leaves out problems that have none of the tests, and says so', () => {
    const one = jobWith(legacyData({}, { sample: ['1'] }));
    const other = jobWith(legacyData({}, { sample: ['2'] }));
    const { jobs, leftOut } = selectJobs([one, other], { ...WHOLE, tests: ['sample/2'] });
    expect(jobs.map(({ problem }) => problem.allTests.length)).toEqual([1]);
    expect(leftOut).toHaveLength(1);
  });

  it('of limits takes the place of those of the package, and no limit is measured then', () => {
    const job = jobWith(legacyData({}, groups));
    const { limits, limitSettings } = selected(job, { cpuMs: 4000, memoryBytes: 2 ** 26 }).problem;
    expect(limits).toMatchObject({ cpuMs: 4000, wallMs: 14_000, memoryBytes: 2 ** 26 });
    expect(limitSettings).toMatchObject({ memoryIsGiven: true, timing: { cpuMs: 4000 } });
    expect(selected(job, { memoryBytes: 2 ** 26 }).problem.limits.cpuMs).toBe(job.problem.limits.cpuMs);
  });
});
