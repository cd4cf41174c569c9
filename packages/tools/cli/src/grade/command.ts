import { basename } from 'node:path';
import { toError } from '@sandpiper/contracts';
import {
  buildReport,
  ExcerptKeeper,
  type ExpectedVerdicts,
  type Graded,
  gradeUntilStopped,
  type GradingReport,
  type GradingSelection,
  hashProblem,
  type JudgedTest,
  OutputSaver,
  readEarlierReport,
  type SelectedJobs,
  selectJobs,
} from '@sandpiper/grading';
import { allowedCompiler } from '../compiler.js';
import { EXIT } from '../exit-codes.js';
import type { RuntimeOptions } from '../runtimes/runtime-options.js';
import { catchInterrupts } from '../interrupt.js';
import { patient } from '../patience.js';
import { runtimeOfRequests, withService } from '../service/address.js';
import { type ColourChoice, isColoured } from '../terminal/colour.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { type Jobs, loadJobs } from './jobs.js';
import { createGradingProgress } from './progress.js';
import { renderGradingReport } from './render.js';
import { assertTargets, type ReportTargets, takesStdout, writeReports } from './report-targets.js';

export interface GradeOptions extends ReportTargets, RuntimeOptions {
  server?: string;
  nodes?: number;
  retryUnreliable?: number;
  all?: boolean;
  compile?: boolean;
  tests?: string[];
  submissions?: string[];
  /** Milliseconds. */
  timeLimit?: number;
  /** Bytes. */
  memory?: number;
  resume?: string;
  color?: ColourChoice;
}

/** Names of ignored files in one line. */
const NAMED_IGNORED = 4;
/** Columns of a terminal that does not say. */
const USUAL_WIDTH = 80;
/** Lines about names of folders. */
const MAX_NOTES = 20;

/**
 * `sandpiper grade`. Returns 0 when everything was judged and every verdict is the expected one, where one is expected.
 */
export async function gradeCommand(
  path: string,
  submissionPaths: readonly string[],
  options: GradeOptions,
): Promise<number> {
  // Input errors are reported before anything is started.
  const found = await loadJobs(path, submissionPaths, { compiler: allowedCompiler(options) });
  const selection = selectionOf(options);
  const selected = selectJobs(await keyed(found, options), selection);
  const earlier = options.resume === undefined ? null : await readEarlierReport(options.resume);
  await assertTargets(options);
  tellAll(ignoredLines(found));
  tellAll(
    selected.leftOut.map(
      ({ name }) => `${escapeForTerminal(name, 80)}: left out, since --tests matches none`,
    ),
  );

  const interrupt = catchInterrupts(() => tellAll(['stopping (press Ctrl-C again to quit at once)']));
  const { signal } = interrupt;
  const progress = createGradingProgress();
  const outputs = new KeptOutputs(selected, options);
  const ended: { code?: number; error?: Error } = {};
  try {
    await withService(options, async (client) => {
      const graded = await gradeUntilStopped(
        patient(client, signal, runtimeOfRequests(options)),
        selected.jobs,
        {
          retryUnreliable: options.retryUnreliable ?? 0,
          runsAll: options.all === true,
          onProgress: toldFirst(progress.update, options.resume),
          onJudged: (judged) => outputs.keep(judged),
          onFinished: ({ label }, { verdict }) => progress.finished(label, verdict),
          signal,
          ...(earlier === null ? {} : { earlier }),
        },
      ).finally(progress.stop);
      // Before the service stops, which takes seconds: a second Ctrl-C must not lose what was judged.
      await report(graded, expectedIn(found.expected), selection, outputs, options, signal).then(
        (code) => {
          ended.code = code;
        },
        (error: unknown) => {
          ended.error = toError(error);
        },
      );
    });
  } catch (error) {
    // A service may fail in any way while it is stopped.
    if (!signal.aborted) throw error;
  } finally {
    interrupt.release();
  }
  if (ended.error !== undefined) throw ended.error;
  return ended.code ?? EXIT.interrupted;
}

function selectionOf({ tests, submissions, timeLimit, memory }: GradeOptions): GradingSelection {
  return {
    tests: tests ?? [],
    submissions: submissions ?? [],
    cpuMs: timeLimit ?? null,
    memoryBytes: memory ?? null,
  };
}

/** Jobs with their hashes, where a report may be resumed: all files of the tests are read for them. */
async function keyed({ jobs }: Jobs, { json, resume }: GradeOptions): Promise<SelectedJobs['jobs']> {
  if (json === undefined && resume === undefined) return jobs;
  const hashed: SelectedJobs['jobs'][number][] = [];
  for (const job of jobs) hashed.push({ ...job, contentHash: await hashProblem(job.problem) });
  return hashed;
}

/** What reports need of the outputs of runs; everything else of them is dropped after its test. */
class KeptOutputs {
  private readonly excerpts: ExcerptKeeper | null;
  private readonly saver: OutputSaver | null;

  constructor({ jobs }: SelectedJobs, { html, saveOutputs, showSecret, all }: GradeOptions) {
    this.excerpts = html === undefined ? null : new ExcerptKeeper(showSecret === true);
    this.saver = saveOutputs === undefined ? null : new OutputSaver(saveOutputs, jobs, all === true);
  }

  async keep(judged: JudgedTest): Promise<void> {
    await this.excerpts?.keep(judged);
    await this.saver?.save(judged);
  }

  excerptIn({ problems }: Graded) {
    return (problem: number, index: number, test: string) => {
      const submission = problems[problem]?.submissions[index]?.submission;
      return submission === undefined ? null : (this.excerpts?.of(submission, test) ?? null);
    };
  }

  notes(): string[] {
    return this.saver === null ? [] : this.saver.notes().map((note) => `--save-outputs: ${note}`);
  }
}

/** Writes and prints what was judged. @throws what ended judging, unless that was Ctrl-C */
async function report(
  graded: Graded,
  expectedOf: (problemPath: string, label: string) => string | null,
  selection: GradingSelection,
  outputs: KeptOutputs,
  options: GradeOptions,
  signal: AbortSignal,
): Promise<number> {
  const { failure } = graded;
  const hasResults = graded.problems.some(({ submissions }) =>
    submissions.some(({ outcome }) => outcome.tests.length > 0),
  );
  if (failure !== null && !hasResults) {
    if (signal.aborted) return EXIT.interrupted;
    throw failure;
  }
  const whole = buildReport(graded.problems, expectedOf, { isComplete: failure === null, selection });
  const notes = await writeReports(whole, options, outputs.excerptIn(graded));
  const stream = takesStdout(options) ? process.stderr : process.stdout;
  stream.write(
    renderGradingReport(whole, {
      // A terminal may not know its size.
      width: stream.isTTY ? stream.columns || USUAL_WIDTH : Infinity,
      isColoured: isColoured(options.color ?? 'auto', stream),
    }),
  );
  tellAll([...outputs.notes(), ...notes].slice(0, MAX_NOTES).map((note) => escapeForTerminal(note, 300)));
  if (failure === null) return exitCodeFor(whole);
  if (options.json !== undefined && options.json !== '-')
    tellAll([`to go on, give the same command with --resume ${escapeForTerminal(options.json, 200)}`]);
  if (signal.aborted) return EXIT.interrupted;
  throw failure;
}

/** Says with the first progress what is known from an earlier report. */
function toldFirst(
  update: (done: number, total: number) => void,
  resumed: string | undefined,
): (done: number, total: number) => void {
  let isTold = resumed === undefined;
  return (done, total) => {
    if (!isTold) {
      const file = escapeForTerminal(resumed ?? '', 200);
      tellAll([
        done === 0
          ? `${file}: has nothing of these packages, limits and programs; everything is judged`
          : `${file}: ${done} of ${total} tests are judged already`,
      ]);
    }
    isTold = true;
    update(done, total);
  };
}

function tellAll(lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`sandpiper: ${line}\n`);
}

/** By the name of the problem in the class. */
function expectedIn(expected: ExpectedVerdicts): (problemPath: string, label: string) => string | null {
  return (problem, label) => expected.get(basename(problem).replace(/\.(zip|kpp)$/i, ''))?.get(label) ?? null;
}

function ignoredLines({ jobs, ignored }: Jobs): string[] {
  const lists: (readonly [string, readonly string[]])[] = [
    ['the class', ignored],
    ...jobs.flatMap(({ problem, ignored: handedIn }) => [
      [problem.path, problem.ignored] as const,
      [`submissions for ${problem.name}`, handedIn] as const,
    ]),
  ];
  return lists.flatMap(([what, files]) => {
    if (files.length === 0) return [];
    const names = files.slice(0, NAMED_IGNORED).map((file) => escapeForTerminal(file, 60));
    const more = files.length > NAMED_IGNORED ? ', ...' : '';
    const count = files.length === 1 ? '1 file is' : `${files.length} files are`;
    return [`${escapeForTerminal(what, 80)}: ${count} ignored: ${names.join(', ')}${more}`];
  });
}

function exitCodeFor(whole: GradingReport): number {
  const submissions = whole.problems.flatMap((p) => p.submissions);
  const unjudged = submissions.filter(
    (s) => s.verdict === 'JE' || s.tests.some((t) => t.verdict === 'JE'),
  ).length;
  const unexpected = submissions.filter((s) => s.mismatch !== null).length;
  const counted = (count: number): string => `${count} submission${count === 1 ? '' : 's'}`;
  if (unjudged > 0) tellAll([`${counted(unjudged)} could not be judged on every test (JE)`]);
  if (unexpected > 0) tellAll([`${counted(unexpected)} did not do what was expected`]);
  return unjudged + unexpected === 0 ? EXIT.ok : EXIT.failed;
}
