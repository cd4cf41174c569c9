import { InputError } from '../../files/errors.js';
import { TEST_VISIBILITIES, type TestVisibility } from '../../judge/verdict.js';
import type { Decorator, FoundFunction } from './classes.js';

/** What decorators say of a test, by the names that gradescope-utils gave them. */
export interface Marks {
  readonly points: number;
  readonly number: string | null;
  readonly visibility: TestVisibility;
  /** Shown instead of the reason of a failure; null: the reason is. */
  readonly hiddenBy: string | null;
  /** The test is not run at all. */
  readonly isSkipped: boolean;
}

const DEFAULT_POINTS = 1;
const HIDDEN_BY = 'Test failed';
const MAX_POINTS = 1_000_000;

const NUMBER = /^(?:\w+\s*=\s*)?(\d+\.?\d*|\.\d+)$/;
const STRING = /^(?:\w+\s*=\s*)?(["'])([^"'\\]*)\1$/;

/**
 * Reads the decorators from the source. They are not asked from the running tests: a student's code could change them.
 * @param where names the file in errors
 * @throws InputError for an argument that is not a literal, and for a decorator that would have no effect
 */
export function marksOf({ decorators }: FoundFunction, where: string): Marks {
  let marks: Marks = {
    points: DEFAULT_POINTS,
    number: null,
    visibility: 'visible',
    hiddenBy: null,
    isSkipped: false,
  };
  for (const decorator of decorators) marks = { ...marks, ...markOf(decorator, where) };
  return marks;
}

function markOf(decorator: Decorator, where: string): Partial<Marks> {
  const place = `${where}:${decorator.line}: @${decorator.name}`;
  const args = decorator.args?.trim() ?? '';
  switch (decorator.name) {
    case 'weight':
    case 'partial_credit':
      return { points: pointsOf(args, place) };
    case 'number':
      return { number: STRING.exec(args)?.[2] ?? String(pointsOf(args, place)) };
    case 'visibility':
      return { visibility: visibilityOf(args, place) };
    case 'hide_errors':
      return { hiddenBy: args === '' ? HIDDEN_BY : textOf(args, place) };
    case 'skip':
      return { isSkipped: true };
    case 'leaderboard':
      throw new InputError(`${place}: leaderboards are not kept here`);
    default:
      return {};
  }
}

function pointsOf(args: string, place: string): number {
  const points = Number(NUMBER.exec(args)?.[1] ?? Number.NaN);
  if (points >= 0 && points <= MAX_POINTS) return points;
  throw new InputError(`${place}: needs a number from 0 to ${MAX_POINTS}, written as such`);
}

function textOf(args: string, place: string): string {
  const text = STRING.exec(args)?.[2];
  if (text === undefined) throw new InputError(`${place}: needs a text in quotes`);
  return text;
}

function visibilityOf(args: string, place: string): TestVisibility {
  const text = textOf(args, place);
  const known = TEST_VISIBILITIES.find((one) => one === text);
  if (known === undefined) throw new InputError(`${place}: must be one of ${TEST_VISIBILITIES.join(', ')}`);
  return known;
}

/** Decorators that have points or a number belong to tests: on a class they would be lost. */
export function assertNoMarks(decorators: readonly Decorator[], where: string): void {
  for (const { name, line } of decorators) {
    if (/^(weight|partial_credit|number|visibility|hide_errors|leaderboard)$/.test(name))
      throw new InputError(`${where}:${line}: @${name} is for a test, not for a class`);
  }
}
