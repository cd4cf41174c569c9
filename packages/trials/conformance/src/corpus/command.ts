import { availableParallelism } from 'node:os';
import { parseWords, UsageError, countOption } from '../usage.js';
import { HOWS, type How } from './cell-side.js';

export const CORPUS_HELP = `Usage: scripts/corpus [OPTION]... DIR...

Runs every Python program below each DIR with the bare pypy3 and in the sandbox, forked, and compares standard output,
standard error and exit code. A program has the input NAME.in where that file lies beside it, else an empty one, and a
copy of the files beside it. What differs is run again on both sides, so that a program which is random by itself does
not count; every other difference gets a kind and the first line that differs.

Start it as root: bare programs then run as nobody, in a scratch folder, with limits and without a network. Programs
that name processes, sockets or the removal of files are left out.

  --results FILE      write a line of JSON for each program to FILE; programs that are in it already are not run again
  --markdown FILE     write the report to FILE too, as Markdown
  --json FILE         the same as JSON
  --cold              start an interpreter for each program, instead of a fork of a parked one
  --jobs N            how many programs run at once (default ${defaultJobs()}); each takes a cell
  --sample N          only N programs of each DIR, evenly spread
  --again             run those again whose line in the results is of a difference
  --patience SECONDS  how long a bare program may run (default 10); the limits of the sandboxed one follow from its time
  --as-me             go on where bare programs cannot be kept from the network: without root they run as you
  -h, --help          print this

Exit code: 0 every difference is explained by its kind, 1 some are not, 2 bad usage.
`;

export interface CorpusCommand {
  readonly kind: 'compare';
  readonly folders: readonly string[];
  readonly how: How;
  readonly jobs: number;
  readonly sample: number | null;
  readonly again: boolean;
  readonly asMe: boolean;
  readonly patienceMs: number;
  readonly resultsPath: string | null;
  readonly markdownPath: string | null;
  readonly jsonPath: string | null;
}

function defaultJobs(): number {
  return Math.max(1, Math.min(4, availableParallelism()));
}

const OPTIONS = {
  results: { type: 'string' },
  markdown: { type: 'string' },
  json: { type: 'string' },
  cold: { type: 'boolean' },
  jobs: { type: 'string' },
  sample: { type: 'string' },
  again: { type: 'boolean' },
  patience: { type: 'string' },
  'as-me': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @throws UsageError */
export function parseCorpusCommand(args: readonly string[]): CorpusCommand | { kind: 'help' } {
  const { values, positionals } = parseWords(args, OPTIONS);
  if (values.help === true) return { kind: 'help' };
  if (positionals.length === 0) throw new UsageError('name at least one folder of programs');
  return {
    kind: 'compare',
    folders: positionals,
    how: values.cold === true ? HOWS[1] : HOWS[0],
    jobs: countOption('--jobs', values.jobs, 64) ?? defaultJobs(),
    sample: countOption('--sample', values.sample, 1_000_000),
    again: values.again === true,
    asMe: values['as-me'] === true,
    patienceMs: 1000 * (countOption('--patience', values.patience, 600) ?? 10),
    resultsPath: values.results ?? null,
    markdownPath: values.markdown ?? null,
    jsonPath: values.json ?? null,
  };
}
