import { randomBytes } from 'node:crypto';
import { completeLimits, type RunResult, type RunStatus, textOf, withDeadline } from '@sandpiper/contracts';
import { attackFiles } from './attack-files.js';
import type { Attack } from './behaviour.js';
import { settle } from './census.js';
import { type Ground, type SubjectJob, type Subject } from './ground.js';
import { deviationsOf, judgeSize, judgeTimes, leaks } from './judge.js';

/** How long a result may be late before the cell is given up, milliseconds: the cell would be lost to a node. */
const LATE_MS = 30_000;
/** What ends is given so long to be gone. */
const SETTLES_MS = 10_000;

/** What came of an attack on one subject. */
export interface AttackOutcome {
  /** All that was not as it must be, in lines. */
  readonly faults: readonly string[];
  readonly status: RunStatus | null;
  readonly message: string | null;
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly limits: Pick<RunResult['limits'], 'cpuMs' | 'wallMs'> | null;
  /** From the order to the result, by our clock: for the reader, and never judged. */
  readonly answeredMs: number;
}

/** What each hostile run was given for itself, and no later one may know. */
const given = new Set<string>();

/** Runs it, and then all that must hold after any run. */
export async function runAttack(ground: Ground, subject: Subject, attack: Attack): Promise<AttackOutcome> {
  await prove(ground, subject);
  const census = ground.census;
  let outcome: AttackOutcome | null = null;
  for (let i = attack.times ?? 1; i > 0; i--) {
    const one = await runOnce(ground, subject, attack);
    outcome = outcome === null ? one : { ...one, faults: [...outcome.faults, ...one.faults] };
  }
  if (outcome === null) throw new Error(`${attack.name} is never run`);
  const after = await nextRun(ground, subject);
  const left = await settle(census, ground.folder, SETTLES_MS);
  // Told once: what is wrong now is not the next one's doing.
  if (after.length + left.length > 0) await startAnew(ground, subject);
  return { ...outcome, faults: [...outcome.faults, ...after, ...left] };
}

async function startAnew(ground: Ground, subject: Subject): Promise<void> {
  await subject.stop();
  await subject.start();
  for (const one of ground.subjects.values()) ordinary.delete(one);
  ground.forget();
}

async function runOnce(ground: Ground, subject: Subject, attack: Attack): Promise<AttackOutcome> {
  const own = `given-${randomBytes(12).toString('hex')}`;
  const began = performance.now();
  const result = await answerOf(subject, sourceOf(subject, attack, own));
  const answeredMs = performance.now() - began;
  if (typeof result === 'string') {
    return { faults: [result], status: null, message: null, cpuMs: 0, wallMs: 0, limits: null, answeredMs };
  }
  const faults = [
    ...deviationsOf(result, ground.isGvisor ? (attack.onGvisor ?? attack.expect) : attack.expect),
    ...judgeTimes(result),
    ...judgeSize(result),
    ...leaks(result, ground.secrets),
    ...leaks(result, new Map([...given].map((text) => [text, 'what another run was given']))),
  ];
  given.add(own);
  const { status, message, limits } = result;
  const { cpuMs, wallMs } = result.usage;
  return { faults, status, message, cpuMs, wallMs, limits, answeredMs };
}

/** A result, or why there is none; then the cell is a new one. */
async function answerOf(subject: Subject, source: SubjectJob): Promise<RunResult | string> {
  const after = source.limits.wallMs + LATE_MS;
  try {
    const lost = (): string => `no result after ${after / 1000} s: the cell is lost`;
    const result = await withDeadline(subject.run(source), after, lost);
    if (typeof result !== 'string') return result;
    await subject.stop();
    await subject.start();
    return result;
  } catch (error) {
    return `no result: ${(error as Error).message}`;
  }
}

function sourceOf(subject: Subject, attack: Attack, own: string): SubjectJob {
  const files = attackFiles(attack, subject.name.startsWith('seccomp'), own);
  return {
    id: `hostile-${randomBytes(6).toString('hex')}`,
    files: files.map(({ name, data }) => ({ path: `/box/${name}`, data })),
    args: attack.args ?? [],
    env: { ...attack.env, GIVEN: own },
    stdin: { kind: 'buffer', data: Buffer.from(`${own}\n`) },
    limits: completeLimits(attack.limits),
  };
}

const NEXT = `import os, sys
print(6 * 7, sorted(os.listdir("/box")), os.listdir("/tmp"), sorted(os.environ.items()), len(sys.modules), sys.argv)
print(os.getcwd(), os.listdir("/proc/self/fd"), os.umask(0), sys.getrecursionlimit(), sorted(globals()))
`;
const NEXT_TRANSLATED = 'print 42\nlist /box\nlist /tmp\nenviron\nargv\n';

/** What an ordinary run says on each subject, before anything hostile ran there. */
const ordinary = new WeakMap<Subject, string>();

async function nextRun(ground: Ground, subject: Subject): Promise<string[]> {
  const source = subject.name.startsWith('rpython') ? NEXT_TRANSLATED : NEXT;
  const result = await answerOf(subject, {
    id: 'next',
    files: [{ path: '/box/main.py', data: Buffer.from(source) }],
    args: [],
    env: {},
    stdin: { kind: 'buffer', data: Buffer.alloc(0) },
    limits: completeLimits({}),
  });
  if (typeof result === 'string') return [`the next run: ${result}`];
  const { status, start } = result;
  const stdout = textOf(result, 'stdout');
  const stderr = textOf(result, 'stderr');
  const said = JSON.stringify({ status, stdout, stderr, start });
  const before = ordinary.get(subject);
  if (before === undefined) ordinary.set(subject, said);
  const faults = leaks(
    result,
    new Map([...ground.secrets, ...[...given].map((text) => [text, 'what another run was given'] as const)]),
  );
  if (status !== 'ok' || !stdout.startsWith('42') || start !== subject.startsAs)
    faults.push(`an ordinary run is ${said}`);
  else if (before !== undefined && said !== before)
    faults.push(`an ordinary run is ${said} where it was ${before}`);
  return faults.map((fault) => `the next run: ${fault}`);
}

/** Every subject has run something before the census: what is made once, and stays, is there. */
async function prove(ground: Ground, subject: Subject): Promise<void> {
  if (ordinary.has(subject)) return;
  for (const one of ground.subjects.values()) {
    // The first of a cell may be ahead of its parent.
    for (let i = 0; i < 3; i++) {
      ordinary.delete(one);
      await nextRun(ground, one);
    }
    if (!ordinary.has(one)) throw new Error(`${one.name} runs nothing at all`);
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  void ground.census;
}
