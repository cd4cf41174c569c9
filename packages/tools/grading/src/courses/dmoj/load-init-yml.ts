import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_LIMITS, limitsSchema } from '@sandpiper/contracts';
import type { TestCase, TestGroup } from '../../data/test-case.js';
import { isFile, readBounded } from '../../files/bounded.js';
import { InputError } from '../../files/errors.js';
import { compareNames, isIgnoredName } from '../../files/names.js';
import type { ProblemLimits } from '../../package/limits.js';
import { DEFAULT_CHECKER } from '../../validators/flags.js';
import { BoundedThread } from '../checks/bounded-thread.js';
import { Checker } from '../checks/checker.js';
import type { CourseSettings } from '../course-yaml.js';
import type { LoadedCourse } from '../loaded-course.js';
import { checkerOf } from './checkers.js';
import { DataFiles } from './data-files.js';
import { matchCases } from './formats.js';
import {
  type DmojItem,
  type DmojSettings,
  inherited,
  type InitYml,
  isBatch,
  parseInitYml,
} from './init-yml.js';

const MAX_YAML_BYTES = 1024 * 1024;
const MAX_WALL_MS = limitsSchema.shape.wallMs.maxValue ?? Infinity;
const MAX_CASES = 100_000;
/** What stands beside the cases and is read, or says nothing of the judging. */
const KNOWN = /^(init\.yml|course\.yaml|include|README.*|LICENSE.*|tests)$/i;

/** `init.yml` of DMOJ: cases and batches with points, and a checker. */
export async function loadInitYml(
  folder: string,
  settings: CourseSettings,
): Promise<Omit<LoadedCourse, 'format'> | null> {
  const file = join(folder, 'init.yml');
  if (!(await isFile(file))) return null;
  const text = (await readBounded(file, MAX_YAML_BYTES)).toString('utf8').replace(/^\uFEFF/, '');
  const yaml = parseInitYml(text, file);
  const builder = new CaseBuilder(file, await DataFiles.open(folder, yaml.archive), settings);
  const tests = await builder.build(yaml);
  return {
    settings,
    tests,
    handIn: null,
    ignored: await ignoredIn(folder, builder.used),
    warnings: [],
  };
}

async function ignoredIn(folder: string, used: ReadonlySet<string>): Promise<string[]> {
  const names = (await readdir(folder)).filter(
    (name) => !used.has(name) && !isIgnoredName(name) && !KNOWN.test(name),
  );
  return names.sort(compareNames).map((name) => join(folder, name));
}

class CaseBuilder {
  /** Names at the top of the folder that a case uses. */
  readonly used = new Set<string>();
  private readonly thread = new BoundedThread();
  private cases = 0;
  private total = 0;
  private batches = 0;

  constructor(
    private readonly file: string,
    private readonly data: DataFiles,
    private readonly course: CourseSettings,
  ) {}

  async build(yaml: InitYml): Promise<TestGroup> {
    const listed = await this.listed(yaml);
    if (listed.length === 0) throw new InputError(`${this.file}: test_cases: has no case`);
    if (yaml.archive !== null) this.use(yaml.archive);
    this.assertDependencies(listed, yaml.pretests);
    const items: (TestCase | TestGroup)[] = [];
    // A pretest has no points: a program that fails it is not judged further.
    for (const item of yaml.pretests) items.push(await this.item(item, yaml.settings, { points: 0 }));
    for (const item of listed) items.push(await this.item(item, yaml.settings, {}));
    return {
      name: 'data',
      items,
      rules: { kind: 'points', aggregation: 'sum', requires: [], endsAtFreeFailure: true },
    };
  }

  private async listed({ cases }: InitYml): Promise<readonly DmojItem[]> {
    if ('length' in cases) return cases;
    const names = await this.data.archived();
    if (names === null)
      throw new InputError(
        `${this.file}: test_cases: must list the cases, since there is no archive to look into`,
      );
    return matchCases(names, cases, this.thread, this.file);
  }

  private assertDependencies(listed: readonly DmojItem[], pretests: readonly DmojItem[]): void {
    const place = `${this.file}: dependencies`;
    if (pretests.some((item) => isBatch(item) && item.dependencies !== undefined))
      throw new InputError(`${place}: of pretests are not done here`);
    let batch = 0;
    for (const item of listed) {
      if (!isBatch(item)) continue;
      batch++;
      const later = item.dependencies?.find((one) => one >= batch);
      if (later !== undefined)
        throw new InputError(`${place}: batch ${batch} depends on ${later}, which does not come before it`);
      if ((item.dependencies?.length ?? 0) > 0 && pretests.some(isBatch))
        throw new InputError(`${place}: are not done here together with batches of pretests`);
    }
  }

  private async item(
    item: DmojItem,
    above: DmojSettings,
    forced: DmojSettings,
  ): Promise<TestCase | TestGroup> {
    if (!isBatch(item)) return this.caseOf(inherited(above, item, forced), `${++this.cases}`);
    const number = ++this.batches;
    const items: TestCase[] = [];
    for (const [n, one] of item.batched.entries()) {
      items.push(await this.caseOf(inherited(above, item, one, forced), `batch-${number}/${n + 1}`));
    }
    const requires = (item.dependencies ?? []).map(groupName);
    return { name: groupName(number), items, rules: { kind: 'points', aggregation: 'min', requires } };
  }

  private async caseOf(settings: DmojSettings, name: string): Promise<TestCase> {
    const isBinary = settings.binary_data === true;
    for (const one of [settings.in, settings.out]) if (one !== undefined) this.use(one);
    const answer = await this.data.content('out', settings.out, isBinary);
    const check = checkerOf(settings, this.file);
    const points = settings.points ?? 1;
    const checker = new Checker(this.thread, check, answer, points);
    if (++this.total > MAX_CASES) throw new InputError(`${this.file}: has more than ${MAX_CASES} cases`);
    return {
      name,
      input: await this.data.content('in', settings.in, isBinary),
      answer,
      args: [],
      files: [],
      validatorFlags: [],
      checker: DEFAULT_CHECKER,
      course: {
        points,
        visibility: 'hidden',
        number: null,
        limits: limitsOf(settings, this.course),
        entry: null,
        criteria: check,
        judge: (result) => checker.judge(result),
        // It looks at what a program printed before it failed, too.
        ...(check.name === 'linecount' ? { pointsOfFailed: (result) => checker.pointsOfFailed(result) } : {}),
      },
    };
  }

  private use(name: string): void {
    this.used.add(name.split('/')[0] ?? name);
  }
}

const groupName = (batch: number): string => `data/secret/batch-${batch}`;

function limitsOf(
  { output_limit_length: outputBytes, wall_time_factor: factor }: DmojSettings,
  { limits: { timing } }: CourseSettings,
): Partial<ProblemLimits> {
  const cpuMs = timing.cpuMs ?? DEFAULT_LIMITS.cpuMs;
  return {
    ...(outputBytes === undefined ? {} : { outputBytes }),
    ...(factor === undefined ? {} : { wallMs: Math.min(MAX_WALL_MS, Math.ceil(factor * cpuMs)) }),
  };
}
