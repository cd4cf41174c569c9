import { basename } from 'node:path';
import {
  encodeBytes,
  fieldsOf,
  REQUEST_BOUNDS,
  type SubmissionState,
  type SubmissionSummary,
} from '@sandpiper/contracts';
import {
  filesOf,
  InputError,
  isArchive,
  isFolder,
  loadSubmissions,
  type ProgramFile,
  readBounded,
  type Submission,
} from '@sandpiper/grading';
import { EXIT } from '../exit-codes.js';
import { catchInterrupts } from '../interrupt.js';
import { findService } from '../service/address.js';
import { printed, type ServiceOptions, table } from '../service/print.js';
import { escapeForTerminal } from '../terminal/escape.js';

export interface SubmitOptions extends ServiceOptions {
  all?: boolean;
  label?: string;
  /** false: print the id, and do not wait for the verdict. */
  wait?: boolean;
  entry?: string;
}

/** `sandpiper submit PROBLEM FILE...`: one program, judged by a service. Returns 0 when it is accepted. */
export async function submitCommand(
  problem: string,
  paths: readonly string[],
  options: SubmitOptions,
): Promise<number> {
  const program = await programOf(paths, options.entry);
  const { submissions } = await findService(options.server);
  const interrupt = catchInterrupts();
  const { signal } = interrupt;
  try {
    const id = await submissions.submit(
      {
        problem,
        ...program,
        ...(options.all === true ? { runsAll: true } : {}),
        ...(options.label === undefined ? {} : { label: options.label }),
      },
      { signal },
    );
    if (options.wait === false) {
      printed(options, { id }, () => `${id}\n`);
      return EXIT.ok;
    }
    const state = await submissions.judged(id, { signal, onProgress: tell });
    printed(options, state, () => rendered(state));
    return state.verdict === 'AC' ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    interrupt.release();
  }
}

/** One file, folder or archive as `grade` takes it; several files are the files of one program. */
async function programOf(paths: readonly string[], entry: string | undefined) {
  const [only = ''] = paths;
  const files =
    paths.length === 1 ? await filesOfOne(only) : await Promise.all(paths.map((path) => fileOf(path)));
  return { files, ...(entry === undefined ? {} : { entry }) };
}

/** Without a program it is a submission of answers, which the service tells from the problem. */
async function filesOfOne(path: string) {
  const isOneFile = !isArchive(path) && !(await isFolder(path));
  const files = isOneFile ? [] : await filesOf(path);
  if (files.length > 0 && !files.some(({ name }) => name.endsWith('.py'))) return files.map(runFile);
  if (isOneFile && !path.endsWith('.py')) return [await fileOf(path)];
  const { submissions } = await loadSubmissions([path]);
  const [one, another] = submissions;
  if (one === undefined || another !== undefined) {
    throw new InputError(`${path}: is a folder of several programs; name one of them`);
  }
  const { program, fault }: Submission = one;
  if (program === null) throw new InputError(`${path}: ${fault ?? 'cannot be read'}`);
  return program.files.map(runFile);
}

const runFile = ({ name, bytes }: ProgramFile) => ({ name, ...fieldsOf('content', encodeBytes(bytes)) });

async function fileOf(path: string) {
  const bytes = await readBounded(path, REQUEST_BOUNDS.sourceBytes);
  return runFile({ name: basename(path), bytes });
}

function tell({ state, progress }: SubmissionSummary): void {
  if (!process.stderr.isTTY) return;
  const far = progress === null ? state : `${progress.done} of ${progress.total} tests`;
  process.stderr.write(
    `\r\u001B[Ksandpiper: ${far}${state === 'done' || state === 'cancelled' ? '\r\u001B[K' : ''}`,
  );
}

function rendered({ state, result }: SubmissionState): string {
  if (result === null) return `${state}\n`;
  const points =
    result.score === null
      ? ''
      : `, ${result.score}${result.maxScore === null ? '' : `/${result.maxScore}`} points`;
  const why = result.reason === null ? '' : `\n${escapeForTerminal(result.reason, 500)}`;
  const line = `${result.verdict}, ${result.passed} of ${result.total} tests passed${points}${why}\n`;
  const groups = result.groups.filter(({ group, score }) => score !== null && group.split('/').length > 2);
  if (groups.length === 0) return line;
  const rows = groups.map(({ group, verdict, score, maxScore }) => [
    group.replace(/^data\//, ''),
    verdict ?? '-',
    `${score ?? 0}${maxScore === null ? '' : `/${maxScore}`}`,
  ]);
  return `${line}${table(['group', 'verdict', 'points'], rows)}`;
}
