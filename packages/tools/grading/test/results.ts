import { DEFAULT_LIMITS, type RunResult, type RunStatus } from '@sandpiper/contracts';
import { DEFAULT_CHECKER } from '../src/validators/flags.js';
import type { LegacyRules, ModernRules, TestCase, TestGroup } from '../src/data/test-case.js';
import { fixedContent } from '../src/files/content.js';
import type { TestOutcome, Verdict } from '../src/judge/verdict.js';

export function resultOf(status: RunStatus, more: Partial<RunResult> = {}): RunResult {
  return {
    id: 'r1',
    status,
    exitCode: status === 'ok' ? 0 : null,
    signal: null,
    stdout: '42\n',
    stderr: '',
    stdoutTruncated: false,
    stderrTruncated: false,
    message: status === 'ok' ? null : 'why',
    deniedCalls: {},
    usage: {
      cpuMs: 10,
      startupCpuMs: 0,
      controllerCpuMs: 0,
      wallMs: 20,
      peakMemoryBytes: 1000,
      syscalls: 1,
      bytesRead: 0,
      bytesWritten: 3,
    },
    limits: DEFAULT_LIMITS,
    enforcement: { cpu: 'keeper-clock', wall: 'keeper-clock', memory: 'keeper-watch' },
    engine: 'seccomp',
    attempt: 1,
    node: null,
    cell: null,
    startedAt: '2026-01-01T00:00:00Z',
    finishedAt: '2026-01-01T00:00:01Z',
    ...more,
  };
}

export function testCase(name: string): TestCase {
  const nothing = fixedContent(Buffer.alloc(0));
  return {
    name,
    input: nothing,
    answer: nothing,
    args: [],
    files: [],
    validatorFlags: [],
    checker: DEFAULT_CHECKER,
  };
}

export function outcomeOf(test: string, verdict: Verdict, more: Partial<TestOutcome> = {}): TestOutcome {
  return {
    test,
    verdict,
    status: 'ok',
    reason: verdict === 'AC' ? null : 'why',
    exitCode: 0,
    signal: null,
    cpuMs: 1,
    wallMs: 1,
    peakMemoryBytes: 1,
    ...more,
  };
}

/** Names of tests, or groups with what is in them. */
export type Shape = Readonly<Record<string, readonly string[]>>;

const LEGACY: LegacyRules = {
  kind: 'legacy',
  breaksOnReject: true,
  verdictMode: 'worst_error',
  scoreMode: 'sum',
  ignoresSample: false,
  acceptsIfAny: false,
  acceptScore: 1,
  rejectScore: 0,
  range: [-Infinity, Infinity],
};

/** `data` with a group for samples and one for secret tests, whose own groups are given. */
export function legacyData(
  rules: Readonly<Record<string, Partial<LegacyRules>>>,
  { sample = [], ...groups }: Shape,
): TestGroup {
  const rulesOf = (name: string): LegacyRules => ({ ...LEGACY, ...rules[name] });
  const group = (name: string, items: TestGroup['items']): TestGroup => ({
    name,
    items,
    rules: rulesOf(name),
  });
  const secret = Object.entries(groups).map(([name, tests]) =>
    group(
      `data/secret/${name}`,
      tests.map((test) => testCase(`secret/${name}/${test}`)),
    ),
  );
  return group('data', [
    group(
      'data/sample',
      sample.map((test) => testCase(`sample/${test}`)),
    ),
    group('data/secret', secret),
  ]);
}

export function modernData(
  rules: Readonly<Record<string, Partial<ModernRules>>>,
  { sample = [], secret, ...groups }: Shape,
): TestGroup {
  const group = (name: string, items: TestGroup['items'], usual: Partial<ModernRules>): TestGroup => ({
    name,
    items,
    rules: {
      kind: 'modern',
      maxScore: null,
      aggregation: 'pass-fail',
      requirePass: [],
      ...usual,
      ...rules[name],
    },
  });
  const below =
    secret?.map((test) => testCase(`secret/${test}`)) ??
    Object.entries(groups).map(([name, tests]) =>
      group(
        `data/secret/${name}`,
        tests.map((test) => testCase(`secret/${name}/${test}`)),
        {},
      ),
    );
  return group(
    'data',
    [
      group(
        'data/sample',
        sample.map((test) => testCase(`sample/${test}`)),
        {},
      ),
      group('data/secret', below, { aggregation: 'sum', maxScore: 100 }),
    ],
    { aggregation: 'sum' },
  );
}
