import type { TestGroup } from '../src/data/test-case.js';
import { fixedContent } from '../src/files/content.js';
import { limitsFor } from '../src/package/limits.js';
import type { Problem } from '../src/package/problem.js';
import type { Submission } from '../src/submissions/submission.js';
import { DEFAULT_CHECKER } from '../src/validators/flags.js';

const MIB = 2 ** 20;

/** A problem with these inputs and answers in data/secret. */
export function problemWith(tests: readonly (readonly [input: string, answer: string])[]): Problem {
  const limitSettings = {
    timing: { cpuMs: 1000, wallMs: null, acToTimeLimit: 5, timeLimitToTle: 2, resolutionMs: 1000 },
    memoryBytes: 8 * MIB,
    memoryIsGiven: true,
    outputBytes: MIB,
    codeBytes: null,
    validator: { cpuMs: 1000, memoryBytes: 64 * MIB, outputBytes: MIB },
    validationPasses: 2,
  };
  const allTests = tests.map(([input, answer], n) => ({
    name: `secret/${n}`,
    input: fixedContent(Buffer.from(input)),
    answer: fixedContent(Buffer.from(answer)),
    args: [],
    files: [],
    validatorFlags: [],
    checker: DEFAULT_CHECKER,
  }));
  const rules = { kind: 'modern', maxScore: null, aggregation: 'pass-fail', requirePass: [] } as const;
  const secret: TestGroup = { name: 'data/secret', items: allTests, rules };
  return {
    name: 'Sums',
    path: 'problems/sums',
    version: 'legacy',
    isScoring: false,
    objective: 'max',
    limitSettings,
    limits: limitsFor(limitSettings, 1000),
    tests: { name: 'data', items: [secret], rules },
    allTests,
    own: null,
    grader: null,
    best: { problem: null, groups: new Map() },
    included: [],
    handIn: null,
    examples: [],
    ignored: [],
    warnings: [],
  };
}

export function submissionOf(label: string, more: Partial<Submission> = {}): Submission {
  const program = { entry: label, files: [{ name: label, bytes: Buffer.from('') }] };
  return { label, path: label, program, fault: null, expectation: null, ...more };
}
