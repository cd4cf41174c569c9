import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { StoredProblem } from '@sandpiper/contracts';
import { InputError } from '@sandpiper/grading/basics';
import { EXIT } from '../exit-codes.js';
import { findService } from '../service/address.js';
import { printed, type ServiceOptions, table } from '../service/print.js';
import { escapeForTerminal } from '../terminal/escape.js';

/** Commands for the problems of a service. */

/** `sandpiper problems`. */
export async function problemsCommand(options: ServiceOptions): Promise<number> {
  const problems = await (await findService(options.server)).problems.list();
  printed(options, problems, () =>
    problems.length === 0
      ? 'No problems.\n'
      : table(
          ['id', 'name', 'type', 'tests', 'points', 'version', 'uploaded'],
          problems.map((problem) => [
            problem.id,
            problem.name,
            problem.types.join(', '),
            String(problem.tests),
            problem.maxScore === null ? '' : String(problem.maxScore),
            shortVersion(problem.version),
            problem.uploadedAt,
          ]),
        ),
  );
  return EXIT.ok;
}

/** `sandpiper problems add PACKAGE`. */
export async function addProblemCommand(
  path: string,
  options: ServiceOptions & { id?: string },
): Promise<number> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new InputError(`${path}: no such file`);
  if (!found.isFile()) throw new InputError(`${path}: is no file; zip the folder of the package first`);
  const service = await findService(options.server);
  const problem = await service.problems.upload(
    await openAsBlob(path),
    options.id === undefined ? {} : { id: options.id },
  );
  printed(options, problem, () => `${problem.id}\n`);
  for (const line of noticesOf(problem)) process.stderr.write(`sandpiper: ${escapeForTerminal(line, 300)}\n`);
  return EXIT.ok;
}

function noticesOf({ name, tests, version, warnings, ignored }: StoredProblem): string[] {
  return [
    `${name}: ${tests} test${tests === 1 ? '' : 's'}, version ${shortVersion(version)}`,
    ...warnings,
    ...(ignored.length === 0
      ? []
      : [`ignored: ${ignored.slice(0, 4).join(', ')}${ignored.length > 4 ? ', ...' : ''}`]),
  ];
}

/** `sandpiper problems show ID`. */
export async function showProblemCommand(id: string, options: ServiceOptions): Promise<number> {
  const problem = await (await findService(options.server)).problems.get(id);
  const { limits } = problem;
  const rows = [
    ['name', problem.name],
    ['type', problem.types.join(', ')],
    ['format', problem.formatVersion],
    ['tests', String(problem.tests)],
    ['points', problem.maxScore === null ? 'none' : String(problem.maxScore)],
    ['CPU time', limits.cpuMs === null ? 'from its accepted submissions' : `${limits.cpuMs} ms`],
    ['memory', `${(limits.memoryBytes / 2 ** 20).toFixed(0)} MiB`],
    ['versions', problem.versions.map((one) => `${shortVersion(one.version)} ${one.uploadedAt}`).join('\n')],
    ['warnings', problem.warnings.join('\n')],
    ['ignored', problem.ignored.join('\n')],
  ];
  printed(options, problem, () =>
    table(
      ['', problem.id],
      rows.filter(([, value]) => value !== ''),
    ),
  );
  return EXIT.ok;
}

/** `sandpiper problems remove ID`. */
export async function removeProblemCommand(id: string, options: ServiceOptions): Promise<number> {
  await (await findService(options.server)).problems.remove(id);
  return EXIT.ok;
}

/** `sandpiper problems rejudge ID`. */
export async function rejudgeCommand(id: string, options: ServiceOptions): Promise<number> {
  const done = await (await findService(options.server)).problems.rejudge(id);
  const many = `${done.queued} submission${done.queued === 1 ? '' : 's'}`;
  printed(options, done, () => `${many} will be judged again\n`);
  return EXIT.ok;
}

const shortVersion = (version: string): string => version.slice(0, 12);
