import { resolve } from 'node:path';
import type { LocalRun } from '@sandpiper/controller';
import { MAX_EXPECTED_BYTES, type RunRequest, type RunResult } from '@sandpiper/contracts';
import { InputError, readBounded } from '@sandpiper/grading/basics';
import { checkerFieldsOf, Comparer, parseCheckerFlags, verdictOnRun } from '@sandpiper/grading/judge-run';
import { EXIT, exitCodeOf } from '../exit-codes.js';
import { escapeForTerminal } from '../terminal/escape.js';

export interface ExpectedOptions {
  /** A file with what the program should print. */
  expected?: string;
  /** How its output is compared: the flags of the format. */
  checker?: string;
  combined?: boolean;
}

/** Fields of a request: what the program should print. */
export type ExpectedOutput = Pick<RunRequest, 'expectedBase64' | 'checker'>;

/** @returns null where nothing is expected; @throws InputError for a file or flags that are wrong */
export async function expectedOutputOf(options: ExpectedOptions): Promise<ExpectedOutput | null> {
  const { expected, checker } = options;
  if (expected === undefined) {
    if (checker !== undefined) throw new InputError('--checker needs --expected FILE');
    return null;
  }
  if (options.combined === true) throw new InputError('--expected does not go with --combined');
  const bytes = await readBounded(expected, MAX_EXPECTED_BYTES);
  return {
    expectedBase64: bytes.toString('base64'),
    ...(checker === undefined ? {} : { checker: checkerFieldsOf(flagsOf(checker)) }),
  };
}

function flagsOf(text: string): ReturnType<typeof parseCheckerFlags> {
  try {
    return parseCheckerFlags(text.split(/\s+/).filter((word) => word !== ''));
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`--checker: ${error.message}`);
    throw error;
  }
}

/** The result of a run on this host with its verdict; unchanged where nothing is expected. */
export async function judged(
  result: RunResult,
  { folder, programPath, files }: Pick<LocalRun, 'folder' | 'programPath' | 'files'>,
  expectation: ExpectedOutput | null,
): Promise<RunResult> {
  if (expectation === null) return result;
  // Tracebacks of a run on this host have absolute paths.
  const entry = programPath === null ? '' : resolve(folder, programPath);
  const names = files.map(({ path }) => ({ name: path }));
  const comparer = new Comparer();
  try {
    return { ...result, ...(await verdictOnRun(result, { entry, files: names, ...expectation }, comparer)) };
  } finally {
    await comparer.close();
  }
}

/** Says the verdict. @returns the exit code: 1 for a wrong answer, otherwise that of the run */
export function reportVerdict(result: RunResult): number {
  const { verdict, verdictReason } = result;
  if (verdict === undefined) return exitCodeOf(result);
  const why = verdictReason === undefined ? '' : `: ${escapeForTerminal(verdictReason, 500)}`;
  process.stderr.write(`sandpiper: ${verdict}${why}\n`);
  const code = exitCodeOf(result);
  return verdict !== 'AC' && code === EXIT.ok ? EXIT.failed : code;
}
