import { loadPackage, type LoadProblemOptions, type Problem } from '../package/problem.js';
import type { GradingService } from '../pipeline/service.js';
import { Comparer } from '../validators/comparer.js';
import type { CheckContext } from './check-runs.js';
import { type DataValidators, loadDataValidators } from './data-validators.js';
import { type VerifyFinding, Findings } from './findings.js';
import type { VerifyPart } from './parts.js';
import { checkInputs, countInputChecks } from './input-checks.js';
import { checkAnswerFiles, checkAnswers, checkCases, checkJunk, JUNK_OUTPUTS } from './output-checks.js';
import { checkPackage } from './package-checks.js';
import { checkSubmissions, type VerifiedSubmission } from './submission-checks.js';
import { loadValidationCases, type ValidationCase } from './validation-data.js';

/** What is known of a package before anything runs. */
export interface PreparedVerification {
  readonly problem: Problem;
  readonly validatorFlags: readonly string[];
  readonly inputs: DataValidators;
  readonly answers: DataValidators;
  readonly cases: readonly ValidationCase[];
  readonly parts: ReadonlySet<VerifyPart>;
  readonly findings: Findings;
}

export interface VerifyOptions {
  readonly retryUnreliable: number;
  readonly runsAll: boolean;
  readonly signal: AbortSignal;
  /** @param part what is being checked */
  readonly onProgress: (part: VerifyPart, done: number, total: number) => void;
}

export interface VerifyReport {
  readonly problem: string;
  readonly path: string;
  readonly version: string;
  readonly tests: number;
  /** Tests of the validators: `invalid_input` and so on. */
  readonly validationCases: number;
  readonly inputValidators: readonly string[];
  /** Empty: the default validator. */
  readonly outputValidators: readonly string[];
  readonly timeLimitMs: number;
  readonly timeLimitNote: string | null;
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly VerifyFinding[];
  readonly submissions: readonly VerifiedSubmission[];
}

/**
 * Reads a package and all that runs of it.
 * @throws InputError for what cannot be read at all
 */
export async function prepareVerification(
  path: string,
  parts: ReadonlySet<VerifyPart>,
  options: LoadProblemOptions,
): Promise<PreparedVerification> {
  const contents = await loadPackage(path, options);
  const { problem, folder, settings } = contents;
  const findings = new Findings();
  if (parts.has('package')) await checkPackage(contents, findings);
  const programs = { root: folder, constants: settings.constants, compiler: options.compiler };
  const load = (part: VerifyPart, folders: readonly string[]): Promise<DataValidators> =>
    parts.has(part)
      ? loadDataValidators(part, folders, programs, findings)
      : Promise.resolve({ validators: [], isComplete: false });
  const inputs = await load('inputs', ['input_validators', 'input_format_validators']);
  if (parts.has('inputs') && inputs.validators.length === 0 && inputs.isComplete)
    findings.error('inputs', 'input_validators', 'there is no input validator');
  return {
    problem,
    validatorFlags: settings.validatorFlags,
    inputs,
    answers: await load('outputs', ['answer_validators']),
    cases: await loadValidationCases(folder),
    parts,
    findings,
  };
}

/** Runs what was prepared, part by part. On abort it rejects. */
export async function verify(
  service: GradingService,
  prepared: PreparedVerification,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { problem, parts, findings } = prepared;
  const context: CheckContext = {
    service,
    signal: options.signal,
    retryUnreliable: options.retryUnreliable,
    problem,
  };
  if (parts.has('inputs')) await verifyInputs(context, prepared, options);
  if (parts.has('outputs')) await verifyOutputs(context, prepared, options);
  const verified = parts.has('submissions')
    ? await checkSubmissions(service, problem, gradingOptions(options), findings)
    : { problem, timeLimitNote: null, submissions: [] };
  return reportOf(prepared, verified.problem, verified.timeLimitNote, verified.submissions);
}

const gradingOptions = ({ onProgress, ...options }: VerifyOptions) => ({
  ...options,
  onProgress: (done: number, total: number) => onProgress('submissions', done, total),
});

async function verifyInputs(
  context: CheckContext,
  { inputs, problem, cases, findings }: PreparedVerification,
  { onProgress }: VerifyOptions,
): Promise<void> {
  if (inputs.validators.length === 0) return;
  const count = counter('inputs', countInputChecks(problem.allTests, cases), onProgress);
  await checkInputs(context, inputs, problem.allTests, cases, findings, count);
}

async function verifyOutputs(
  context: CheckContext,
  { answers, problem, cases, validatorFlags, findings }: PreparedVerification,
  { onProgress }: VerifyOptions,
): Promise<void> {
  const comparer = new Comparer();
  try {
    const judge = { context, own: problem.own, comparer };
    const tests = problem.allTests;
    const answerRuns = answers.validators.length === 0 ? 0 : tests.length;
    const ownRuns = problem.own === null ? 0 : tests.length;
    const count = counter('outputs', answerRuns + ownRuns + cases.length + JUNK_OUTPUTS, onProgress);
    await checkAnswerFiles(context, answers, tests, findings, count);
    // In several passes, or in a dialogue, an answer is no output.
    if (problem.own !== null && (problem.own.passes > 1 || problem.own.isInteractive)) return;
    await checkAnswers(judge, tests, findings, count);
    await checkJunk(judge, tests, findings, count);
    await checkCases(judge, answers, { cases, problemFlags: validatorFlags }, findings, count);
  } finally {
    await comparer.close();
  }
}

function counter(
  part: VerifyPart,
  total: number,
  onProgress: VerifyOptions['onProgress'],
): (count: number) => void {
  let done = 0;
  return (count) => {
    done += count;
    onProgress(part, done, total);
  };
}

function reportOf(
  { inputs, cases, findings }: PreparedVerification,
  problem: Problem,
  timeLimitNote: string | null,
  submissions: readonly VerifiedSubmission[],
): VerifyReport {
  const all = findings.all();
  const count = (level: VerifyFinding['level']): number =>
    all.filter((finding) => finding.level === level).length;
  return {
    problem: problem.name,
    path: problem.path,
    version: problem.version,
    tests: problem.allTests.length,
    validationCases: cases.length,
    inputValidators: inputs.validators.map(({ name }) => name),
    outputValidators: problem.own?.validators.map(({ name }) => name) ?? [],
    timeLimitMs: problem.limits.cpuMs,
    timeLimitNote,
    errors: count('error'),
    warnings: count('warning'),
    findings: all,
    submissions,
  };
}
