import { InputError } from '../../files/errors.js';
import { compareNames } from '../../files/names.js';
import { type BoundedThread, TaskTimeoutError } from '../checks/bounded-thread.js';
import type { MatchedGroups } from '../checks/tasks.js';
import type { DmojFormats, DmojItem, DmojSettings } from './init-yml.js';

/** The names that DMOJ looks for where `test_cases` does not list them: `1.in`, `case-1-batch-2.out`. */
const defaultFormat = (ending: string): string =>
  String.raw`^(?=.*?\.${ending}|${ending}).*?(?:(?:^|\W)(?<batch>\d+)[^\d\s]+)?(?<case>\d+)[^\d\s]*$`;

type Key = string | number;

interface Pair {
  in?: string;
  out?: string;
}

/**
 * Cases and batches by the names of the files in the archive.
 * @throws InputError for names that do not pair, and for a pattern of Python that has another meaning here
 */
export async function matchCases(
  names: readonly string[],
  formats: DmojFormats,
  thread: BoundedThread,
  where: string,
): Promise<DmojItem[]> {
  const groups = new Map<Key, Map<Key, Pair>>();
  const batches = new Set<Key>();
  for (const [side, key, ending] of [
    ['in', 'input_format', 'in'],
    ['out', 'output_format', 'out'],
  ] as const) {
    const place = `${where}: test_cases.${key}`;
    const found = await matched(formats[key] ?? defaultFormat(ending), names, thread, place);
    for (const [n, one] of found.entries()) {
      if (one === null) continue;
      const position = keyOf(one['case']);
      if (position === null) throw new InputError(`${place}: names no group "case"`);
      const batch = keyOf(one['batch']);
      if (batch !== null) batches.add(batch);
      put(groups, batch ?? position, position, side, names[n] ?? '', place);
    }
  }
  return items(groups, batches, formats.case_points, where);
}

function put(
  groups: Map<Key, Map<Key, Pair>>,
  batch: Key,
  position: Key,
  side: 'in' | 'out',
  name: string,
  place: string,
): void {
  const cases = groups.get(batch) ?? new Map<Key, Pair>();
  groups.set(batch, cases);
  const pair = cases.get(position) ?? {};
  cases.set(position, pair);
  const other = pair[side];
  if (other !== undefined)
    throw new InputError(`${place}: ${JSON.stringify(other)} and ${JSON.stringify(name)} are the same case`);
  pair[side] = name;
}

function items(
  groups: ReadonlyMap<Key, ReadonlyMap<Key, Pair>>,
  batches: ReadonlySet<Key>,
  points: readonly number[] | undefined,
  where: string,
): DmojItem[] {
  const found = [...groups].sort(byKey);
  if (points !== undefined && points.length < found.length)
    throw new InputError(`${where}: case_points: has ${points.length} numbers for ${found.length} cases`);
  return found.map(([key, pairs], n): DmojItem => {
    const cases = [...pairs].sort(byKey).map(([, pair]) => paired(pair, where));
    const own = points === undefined ? {} : { points: points[n] };
    if (batches.has(key)) return { batched: cases, ...own };
    const [only] = cases;
    if (only === undefined || cases.length > 1)
      throw new InputError(`${where}: the case ${key} is there twice`);
    return { ...only, ...own };
  });
}

function paired(pair: Pair, where: string): DmojSettings {
  if (pair.out === undefined)
    throw new InputError(`${where}: ${JSON.stringify(pair.in)} in the archive has no output file`);
  return pair;
}

/** Numbers where they are, after all other names. */
const byKey = ([a]: readonly [Key, unknown], [b]: readonly [Key, unknown]): number => {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'number') return 1;
  return typeof b === 'number' ? -1 : compareNames(a, b);
};

const keyOf = (text: string | undefined): Key | null =>
  text === undefined ? null : /^\d{1,15}$/.test(text) ? Number(text) : text;

async function matched(
  pattern: string,
  names: readonly string[],
  thread: BoundedThread,
  place: string,
): Promise<readonly MatchedGroups[]> {
  if (/\(\?P=|\(\?[aiLmsux]|\(\?\(|\(\?#|\\[AZ]/.test(pattern))
    throw new InputError(`${place}: has a part that only Python's regular expressions have`);
  const anchored = `^(?:${pattern.replaceAll('(?P<', '(?<')})`;
  try {
    const done = await thread.do({ kind: 'match', pattern: anchored, names });
    if (done.kind !== 'match') throw new Error('the thread of checks answered another task');
    return done.groups;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError(`${place}: ${error instanceof TaskTimeoutError ? `the pattern ${why}` : why}`, {
      cause: error,
    });
  }
}
