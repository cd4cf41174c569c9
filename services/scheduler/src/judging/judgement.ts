import { bytesOf, messageOf, type SubmissionResult, type SubmittedFiles } from '@sandpiper/contracts';
import {
  gradeAll,
  type GradingOptions,
  InputError,
  limitsFor,
  type Problem,
  programOfFiles,
  type Submission,
} from '@sandpiper/grading';
import type { ProblemStore, TakenSubmission } from '@sandpiper/store';
import type { PackageCache } from './package-cache.js';
import { type RunOwner, RunService, type RunServices } from './run-service.js';
import { submissionResultOf } from './submission-result.js';

/** How often a run that waited for a CPU is repeated: load of the host must not decide a verdict. */
const RETRIES = 2;

export interface JudgementTools {
  readonly packages: PackageCache;
  readonly problems: ProblemStore;
  readonly runs: RunServices;
}

export interface JudgementOptions extends Pick<RunOwner, 'signal' | 'isHandedOver'> {
  readonly onProgress: (done: number, total: number) => void;
}

/** A time limit that was measured, and where it comes from. */
interface MeasuredLimit {
  readonly cpuMs: number;
  readonly note: string | null;
}

/**
 * Judges a submission as `sandpiper grade` does.
 * @throws InputError for a problem that cannot be read any more; the signal's reason when it aborts
 */
export async function judgeTaken(
  taken: TakenSubmission,
  tools: JudgementTools,
  options: JudgementOptions,
): Promise<SubmissionResult> {
  const lease = await tools.packages.take(taken);
  try {
    const { problem, note } = await limited(lease.problem, taken, tools, options);
    const service = new RunService(tools.runs, {
      ...options,
      who: { tenant: taken.tenant, trace: taken.trace },
      name: `judge ${taken.id} ${taken.generation}`,
    });
    const submission = submissionOf(taken.program, problem);
    const [graded] = await gradeAll(service, [{ problem, submissions: [submission], ignored: [] }], {
      ...optionsOf(taken.runsAll, options),
    });
    const outcome = graded?.submissions[0]?.outcome;
    if (graded === undefined || outcome === undefined) throw new Error('grading has returned no outcome');
    return submissionResultOf(outcome, { problem: graded.problem, timeLimitNote: note });
  } finally {
    lease.release();
  }
}

const optionsOf = (runsAll: boolean, { signal, onProgress }: JudgementOptions): GradingOptions => ({
  retryUnreliable: RETRIES,
  runsAll,
  onProgress,
  signal,
});

/** Where the package has no time limit, the accepted submissions are measured once for all that are judged. */
async function limited(
  problem: Problem,
  { tenant, problem: id, version, trace }: TakenSubmission,
  { problems, runs }: JudgementTools,
  options: JudgementOptions,
): Promise<{ readonly problem: Problem; readonly note: string | null }> {
  if (problem.limitSettings.timing.cpuMs !== null) return { problem, note: null };
  const known = await problems.measuredLimit(tenant, id, version);
  if (known !== null) return withLimit(problem, JSON.parse(known) as MeasuredLimit);
  const service = new RunService(runs, {
    ...options,
    who: { tenant, trace },
    name: `measure ${id} ${version}`,
  });
  const [graded] = await gradeAll(service, [{ problem, submissions: [], ignored: [] }], {
    ...optionsOf(false, options),
    onProgress: () => undefined,
  });
  if (graded === undefined) throw new Error('grading has returned no problem');
  const measured: MeasuredLimit = { cpuMs: graded.problem.limits.cpuMs, note: graded.timeLimitNote };
  const stored = await problems.setMeasuredLimit(tenant, id, version, JSON.stringify(measured));
  return withLimit(problem, JSON.parse(stored) as MeasuredLimit);
}

function withLimit(
  problem: Problem,
  { cpuMs, note }: MeasuredLimit,
): { problem: Problem; note: string | null } {
  const { limitSettings } = problem;
  const timing = { ...limitSettings.timing, cpuMs };
  const settings = { ...limitSettings, timing };
  return { problem: { ...problem, limitSettings: settings, limits: limitsFor(settings, cpuMs) }, note };
}

function submissionOf(program: SubmittedFiles, { handIn }: Problem): Submission {
  const base = { label: 'submission', path: 'submission', expectation: null };
  const [wanted, ...more] = handIn?.kind === 'modules' ? handIn.files : [];
  const name = program.entry ?? (wanted !== undefined && more.length === 0 ? wanted : 'main.py');
  const files = program.files?.map((file) => ({ name: file.name, bytes: bytesOf(file, 'content') })) ?? [
    { name, bytes: Buffer.from(program.source ?? '') },
  ];
  try {
    const options = { entry: program.entry ?? null, handIn };
    return { ...base, program: programOfFiles(files, options, 'submission'), fault: null };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { ...base, program: null, fault: messageOf(error).replace(/^submission: /, '') };
  }
}
