import { InputError } from '../../files/errors.js';
import { type FoundClass, type FoundFunction, readTestModule, type TestModule } from './classes.js';
import { assertNoMarks, type Marks, marksOf } from './marks.js';

/** One file of tests, as text. */
export interface TestSource {
  /** Below the folder of tests: `unit/test_sum.py`. */
  readonly name: string;
  readonly text: string;
}

export interface UnitTest {
  /** The file below the folder of tests. */
  readonly file: string;
  /** `TestSum.test_empty`, or the name of a function. */
  readonly id: string;
  /** Whether pytest must run it: unittest has no fixtures, and no classes without its base. */
  readonly needsPytest: boolean;
  readonly marks: Marks;
}

export interface FoundTests {
  readonly tests: readonly UnitTest[];
  /** Tests that the source says not to run, as `file: id`. */
  readonly skipped: readonly string[];
}

const MAX_TESTS = 2_000;
/** Functions that pytest calls by their names before and after the others. */
const FIXTURES = /^(setup|teardown)_(module|function)$/;

interface Definitions {
  readonly modules: readonly { readonly source: TestSource; readonly module: TestModule }[];
  /** By name, of all files: a test class may have its base in another. */
  readonly classes: ReadonlyMap<string, FoundClass>;
}

/**
 * The tests of all files in the order of their lines, found without running anything: so a student's code can neither hide
 * a test nor change its points.
 * @param where the folder, for errors
 * @throws InputError for what cannot be read without running it
 */
export function findTests(sources: readonly TestSource[], where: string): FoundTests {
  const modules = sources.map((source) => ({
    source,
    module: readTestModule(source.text, `${where}/${source.name}`),
  }));
  const classes = new Map(
    modules.flatMap(({ module }) => module.classes.map((one) => [one.name, one] as const)),
  );
  const tests: UnitTest[] = [];
  const skipped: string[] = [];
  for (const { source, module } of modules) {
    if (!isTestFile(source.name)) continue;
    const file = `${where}/${source.name}`;
    for (const test of testsIn(source.name, module, { modules, classes }, file)) {
      if (test.marks.isSkipped) skipped.push(`${file}: ${test.id}`);
      else tests.push(test);
    }
  }
  if (tests.length > MAX_TESTS) throw new InputError(`${where}: has more than ${MAX_TESTS} tests`);
  return { tests, skipped };
}

/** The names that unittest and pytest look for. */
export function isTestFile(name: string): boolean {
  const base = name.slice(name.lastIndexOf('/') + 1);
  return /^(test.*|.*_test)\.py$/.test(base);
}

function testsIn(name: string, module: TestModule, all: Definitions, file: string): UnitTest[] {
  if (module.hasLoadTests)
    throw new InputError(`${file}: load_tests makes tests when it runs, and they must be known before`);
  const usesPytest = module.imports.has('pytest') || module.functions.some(({ name }) => FIXTURES.test(name));
  const found: { line: number; tests: UnitTest[] }[] = [];
  for (const one of module.classes) {
    const isUnittest = hasTestCase(one, all.classes, new Set());
    if (!isUnittest && !one.name.startsWith('Test')) continue;
    assertNoMarks(one.decorators, file);
    const isSkipped = one.decorators.some((decorator) => decorator.name === 'skip');
    const tests = methodsOf(one, all.classes, new Set()).map((method): UnitTest => {
      const marks = marksOf(method, file);
      return {
        file: name,
        id: `${one.name}.${method.name}`,
        needsPytest: !isUnittest,
        marks: { ...marks, isSkipped: isSkipped || marks.isSkipped },
      };
    });
    found.push({ line: one.line, tests });
  }
  for (const one of module.functions) {
    if (!one.name.startsWith('test')) continue;
    const needsPytest = usesPytest || one.parameters.length > 0;
    const test = { file: name, id: one.name, needsPytest, marks: marksOf(one, file) };
    found.push({ line: one.line, tests: [test] });
  }
  const tests = found.sort((a, b) => a.line - b.line).flatMap((one) => one.tests);
  assertDifferent(tests, file);
  return tests;
}

/** Whether a class is one of unittest: its base is named so, or a class of the tests that is. */
function hasTestCase(one: FoundClass, known: ReadonlyMap<string, FoundClass>, seen: Set<string>): boolean {
  if (seen.has(one.name)) return false;
  seen.add(one.name);
  return one.bases.some((base) => {
    const above = known.get(base);
    return above === undefined ? base.endsWith('TestCase') : hasTestCase(above, known, seen);
  });
}

/** Its own tests first, then those of its bases that it does not replace. */
function methodsOf(
  one: FoundClass,
  known: ReadonlyMap<string, FoundClass>,
  seen: Set<string>,
): FoundFunction[] {
  if (seen.has(one.name)) return [];
  seen.add(one.name);
  const own = one.methods.filter(({ name }) => name.startsWith('test'));
  const names = new Set(own.map(({ name }) => name));
  const inherited = one.bases.flatMap((base) => {
    const above = known.get(base);
    return above === undefined ? [] : methodsOf(above, known, seen);
  });
  const kept = inherited.filter(({ name }) => !names.has(name) && names.add(name));
  return [...own, ...kept];
}

function assertDifferent(tests: readonly UnitTest[], file: string): void {
  const seen = new Set<string>();
  for (const { id } of tests) {
    if (seen.has(id)) throw new InputError(`${file}: defines ${id} twice; only the last would run`);
    seen.add(id);
  }
}
