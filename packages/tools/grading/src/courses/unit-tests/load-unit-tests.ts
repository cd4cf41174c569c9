import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REQUEST_BOUNDS } from '@sandpiper/contracts';
import type { TestCase, TestFile, TestGroup } from '../../data/test-case.js';
import { boundedSize, isFolder } from '../../files/bounded.js';
import { fixedContent, lazyContent } from '../../files/content.js';
import { InputError } from '../../files/errors.js';
import { filesBelow } from '../../files/files-below.js';
import { DEFAULT_CHECKER } from '../../validators/flags.js';
import type { CourseSettings } from '../course-yaml.js';
import type { LoadedCourse } from '../loaded-course.js';
import {
  DRIVER_NAME,
  DRIVER_SOURCE,
  type DriverOrder,
  HELPERS,
  HELPERS_FOLDER,
  TESTS_FOLDER,
} from './driver.js';
import { findTests, type FoundTests, isTestFile, type UnitTest } from './find-tests.js';
import { judgeReport } from './report.js';

/** Every run gets them all. */
const MAX_TESTS_BYTES = REQUEST_BOUNDS.sourceBytes;
const TOKEN_BYTES = 24;

interface TestsFolder {
  readonly path: string;
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
}

/** `tests/` with a file that is named `test_*.py`: each test is a run of its own, with points. */
export async function loadUnitTests(
  folder: string,
  settings: CourseSettings,
): Promise<Omit<LoadedCourse, 'format'> | null> {
  const path = join(folder, 'tests');
  if (!(await isFolder(path))) return null;
  const tests = await readTests(path);
  if (!tests.files.some(({ name }) => isTestFile(name))) return null;
  const found = findTests(
    tests.files.flatMap(({ name, bytes }) =>
      name.endsWith('.py') ? [{ name, text: bytes.toString('utf8') }] : [],
    ),
    path,
  );
  const bringsPytest = await hasPytest(folder);
  if (found.tests.length === 0) throw new InputError(`${path}: contains no test, such as a method test_sum`);
  return {
    settings,
    tests: groupsOf(found.tests, new CaseBuilder(tests, found, bringsPytest, settings)),
    handIn: { kind: 'modules', files: settings.files },
    ignored: [],
    warnings: found.skipped.map((test) => `${test} is skipped and has no points`),
  };
}

/** Whether the files that every submission gets have it. */
async function hasPytest(folder: string): Promise<boolean> {
  for (const language of ['default', 'python', 'python3']) {
    if (await isFolder(join(folder, 'include', language, 'pytest'))) return true;
  }
  return false;
}

async function readTests(path: string): Promise<TestsFolder> {
  const files: { name: string; bytes: Buffer }[] = [];
  let total = 0;
  for (const file of await filesBelow(path, { maxFiles: REQUEST_BOUNDS.files / 2 })) {
    total += await boundedSize(file.path, MAX_TESTS_BYTES);
    if (total > MAX_TESTS_BYTES)
      throw new InputError(`${path}: is larger than ${MAX_TESTS_BYTES / 2 ** 20} MiB`);
    files.push({ name: file.name, bytes: await readFile(file.path) });
  }
  return { path, files };
}

/** A group for each class, in the order of the files; functions lie beside them. */
function groupsOf(tests: readonly UnitTest[], builder: CaseBuilder): TestGroup {
  const items: (TestCase | { name: string; cases: TestCase[] })[] = [];
  const groups = new Map<string, { name: string; cases: TestCase[] }>();
  for (const test of tests) {
    const one = builder.caseOf(test);
    const owner = test.id.includes('.') ? one.name.slice(0, one.name.lastIndexOf('.')) : null;
    if (owner === null) {
      items.push(one);
      continue;
    }
    let group = groups.get(owner);
    if (group === undefined) {
      group = { name: `data/secret/${owner}`, cases: [] };
      groups.set(owner, group);
      items.push(group);
    }
    group.cases.push(one);
  }
  const rules = { kind: 'points', aggregation: 'sum', requires: [] } as const;
  return {
    name: 'data',
    items: items.map((item) => ('cases' in item ? { name: item.name, items: item.cases, rules } : item)),
    rules,
  };
}

class CaseBuilder {
  private readonly files: readonly TestFile[];
  private readonly packages: ReadonlySet<string>;
  private readonly modules: readonly string[];

  constructor(
    private readonly folder: TestsFolder,
    private readonly found: FoundTests,
    private readonly bringsPytest: boolean,
    { files }: CourseSettings,
  ) {
    const helpers = Object.entries(HELPERS).map(([name, text]) =>
      textFile(`${HELPERS_FOLDER}/${name}`, text),
    );
    const own = folder.files.map(({ name, bytes }) => ({
      name: `${TESTS_FOLDER}/${name}`,
      content: fixedContent(bytes),
    }));
    this.files = [textFile(DRIVER_NAME, DRIVER_SOURCE), ...helpers, ...own];
    this.packages = new Set(
      folder.files.flatMap(({ name }) => (/(^|\/)__init__\.py$/.test(name) ? [folderOf(name)] : [])),
    );
    this.modules = files.flatMap((name) => /^(\w+)(\.py$|\/)/.exec(name)?.[1] ?? []);
  }

  caseOf(test: UnitTest): TestCase {
    const { marks } = test;
    const token = randomBytes(TOKEN_BYTES).toString('hex');
    const order = (): DriverOrder => this.orderOf(test, token);
    const place = `${this.folder.path}/${test.file}: ${test.id}`;
    return {
      name: `${test.file.replace(/\.py$/, '').replaceAll('/', '.')}.${test.id}`,
      input: lazyContent(() => Buffer.from(JSON.stringify(order()))),
      answer: fixedContent(Buffer.alloc(0)),
      args: [],
      files: this.files,
      validatorFlags: [],
      checker: DEFAULT_CHECKER,
      course: {
        points: marks.points,
        visibility: marks.visibility,
        number: marks.number,
        limits: {},
        entry: DRIVER_NAME,
        criteria: marks,
        judge: (result) => Promise.resolve(judgeReport(result, token, marks, place)),
      },
    };
  }

  private orderOf({ file, id, needsPytest }: UnitTest, token: string): DriverOrder {
    const inFile = this.found.tests.filter((test) => test.file === file).map((test) => test.id);
    const left = `${this.folder.path}/${file}: `;
    const skipped = this.found.skipped
      .filter((one) => one.startsWith(left))
      .map((one) => one.slice(left.length));
    const below = folderOf(file);
    return {
      token,
      file: `${TESTS_FOLDER}/${file}`,
      module: this.moduleOf(file),
      test: id,
      known: [...inFile, ...skipped],
      path: [
        ...new Set([`${TESTS_FOLDER}${below === '' ? '' : `/${below}`}`, TESTS_FOLDER, '/judge']),
        HELPERS_FOLDER,
      ],
      modules: this.modules,
      pytest: needsPytest,
      bringsPytest: this.bringsPytest,
    };
  }

  /** Within a package where each folder up to `tests` has an `__init__.py`, as unittest and pytest have it. */
  private moduleOf(file: string): string {
    const parts = file.replace(/\.py$/, '').split('/');
    const folders = parts.map((_, n) => parts.slice(0, n).join('/'));
    return folders.every((one) => this.packages.has(one))
      ? ['tests', ...parts].join('.')
      : (parts.at(-1) ?? '');
  }
}

const folderOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')));

const textFile = (name: string, text: string): TestFile => ({
  name,
  content: fixedContent(Buffer.from(text)),
});
