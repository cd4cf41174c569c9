import { FAST_MODULES, MODULES } from './modules.js';
import { parseWords, UsageError, countOption } from './usage.js';

/** Patience with the sandbox where every module is run: many hang there for want of a thread. */
const LEAST_SECONDS = 60;
/** Patience with the sandbox, in longest silences of the bare interpreter. */
export const SILENCES = 5;

export const HELP = `Usage: scripts/conformance [OPTION]... [MODULE]...

Runs test modules of PyPy (Debian's package pypy3-lib-testsuite) with the bare pypy3, as an ordinary user, and in the
sandbox. Every test method that passes bare must pass in the sandbox, but for those that the list
packages/trials/conformance/expected-differences.tsv names, each with a reason.

MODULE is such as test_json; without any, all ${MODULES.length} modules of the comparison are run, which takes some minutes.

  --all               every module of the package, which takes hours; a difference that the list does not name has
                      its reason by the table packages/trials/conformance/reasons.tsv, and reasons are counted
  --results FILE      keep the outcomes of each module in FILE; modules that are in it already are not run again
  --again             run those again that differ without a reason
  --ci                only the ${FAST_MODULES.length} modules that are fast; what continuous integration runs
  --json FILE         also write everything to FILE, as JSON
  --runtime PATH      another interpreter than pypy3, such as /usr/bin/python3 with Debian's libpython3.11-testsuite; all
                      differences have their reasons by the table
  --patience SECONDS  take an interpreter that says nothing for so long for one that hangs (default 120); the method
                      that it hangs in differs, and the module is begun again without it. The sandbox has ${SILENCES} times the
                      longest silence of the bare interpreter where that is more, and with --all no more than that
                      or ${LEAST_SECONDS} seconds
  --lib FOLDER        for --runtime: modules, such as /usr/lib/python3/dist-packages
  --package NAME      all test modules of an installed package that pytest runs, such as numpy; MODULE may also be one of
                      them, such as numpy.lib.tests.test_io
  --list              print the names of the modules
  -h, --help          print this

Exit code: 0 no unexpected difference, 1 differences (or a module of which nothing passes bare), 2 bad usage.
`;

export interface Command {
  readonly kind: 'compare';
  /** Null: every module that is installed. */
  readonly modules: readonly string[] | null;
  /** Every module of the list of expected differences is run, so lines that match nothing are stale. */
  readonly everyModule: boolean;
  /** Differences may have their reason by the table of reasons. */
  readonly byReasons: boolean;
  readonly resultsPath: string | null;
  readonly again: boolean;
  readonly jsonPath: string | null;
  /** Path of the interpreter; null: Debian's pypy3. */
  readonly runtime: string | null;
  /** A folder of modules for it, in the sandbox. */
  readonly library: string | null;
  /** Its test modules are run. */
  readonly package: string | null;
  readonly patienceMs: number;
  /** The sandbox's patience where the bare interpreter was never silent for long. */
  readonly leastPatienceMs: number;
}

const OPTIONS = {
  all: { type: 'boolean' },
  results: { type: 'string' },
  again: { type: 'boolean' },
  ci: { type: 'boolean' },
  json: { type: 'string' },
  runtime: { type: 'string' },
  lib: { type: 'string' },
  package: { type: 'string' },
  patience: { type: 'string' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @throws UsageError */
export function parseCommand(args: readonly string[]): Command | { kind: 'help' } | { kind: 'list' } {
  const { values, positionals } = parseWords(args, OPTIONS);
  if (values.help === true) return { kind: 'help' };
  if (values.list === true) return { kind: 'list' };
  const odd = positionals.find((name) => !/^(?:test_\w+|\w+(?:\.\w+)+)$/.test(name));
  if (odd !== undefined)
    throw new UsageError(`${JSON.stringify(odd)} is not a test module: their names look like test_json`);
  const ways = [
    values.ci === true,
    values.all === true,
    values.package !== undefined,
    positionals.length > 0,
  ].filter(Boolean);
  if (ways.length > 1) throw new UsageError('give either --ci, --all, --package or names of modules');
  if (values.package !== undefined && !/^\w+$/.test(values.package))
    throw new UsageError(`${JSON.stringify(values.package)} is not the name of a package`);
  if (values.lib !== undefined && values.runtime === undefined) throw new UsageError('--lib needs --runtime');
  const seconds = countOption('--patience', values.patience, 3600) ?? 120;
  const all = values.all === true;
  const chosen = values.ci === true ? FAST_MODULES : positionals;
  return {
    kind: 'compare',
    modules: all || values.package !== undefined ? null : chosen.length > 0 ? [...new Set(chosen)] : MODULES,
    everyModule: chosen.length === 0 && values.runtime === undefined && values.package === undefined,
    byReasons: all || values.runtime !== undefined || values.package !== undefined,
    resultsPath: values.results ?? null,
    again: values.again === true,
    jsonPath: values.json ?? null,
    runtime: values.runtime ?? null,
    library: values.lib ?? null,
    package: values.package ?? null,
    patienceMs: seconds * 1000,
    leastPatienceMs: (all ? Math.min(LEAST_SECONDS, seconds) : seconds) * 1000,
  };
}
