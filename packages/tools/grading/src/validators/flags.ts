import { InputError } from '../files/errors.js';

/** The flags of the default output validator of the problem package format. */
export interface CheckerOptions {
  readonly caseSensitive: boolean;
  readonly spaceChangeSensitive: boolean;
  /** null: numbers are compared as text. */
  readonly absoluteTolerance: number | null;
  readonly relativeTolerance: number | null;
}

export const DEFAULT_CHECKER: CheckerOptions = Object.freeze({
  caseSensitive: false,
  spaceChangeSensitive: false,
  absoluteTolerance: null,
  relativeTolerance: null,
});

/**
 * Parses e.g. `case_sensitive`, `float_tolerance`, `1e-6`.
 * @throws InputError for an unknown flag, and for a tolerance that is given twice or mixed with `float_tolerance`
 */
export function parseCheckerFlags(words: readonly string[]): CheckerOptions {
  let options = DEFAULT_CHECKER;
  const tolerances = new Set<string>();
  for (let i = 0; i < words.length; i++) {
    const flag = words[i] ?? '';
    switch (flag) {
      case 'case_sensitive':
        options = { ...options, caseSensitive: true };
        break;
      case 'space_change_sensitive':
        options = { ...options, spaceChangeSensitive: true };
        break;
      case 'float_absolute_tolerance':
      case 'float_relative_tolerance':
      case 'float_tolerance': {
        assertOnce(tolerances, flag);
        const value = tolerance(flag, words[++i]);
        if (flag !== 'float_relative_tolerance') options = { ...options, absoluteTolerance: value };
        if (flag !== 'float_absolute_tolerance') options = { ...options, relativeTolerance: value };
        break;
      }
      default:
        throw new InputError(`unknown flag ${JSON.stringify(flag)}`);
    }
  }
  return options;
}

/** `float_tolerance` is both others at once, so with either of them one value would be lost. */
function assertOnce(seen: Set<string>, flag: string): void {
  if (seen.has(flag)) throw new InputError(`${flag} is given twice`);
  const [other] = seen;
  if (other !== undefined && (flag === 'float_tolerance' || other === 'float_tolerance')) {
    throw new InputError(`${flag} and ${other} exclude each other`);
  }
  seen.add(flag);
}

function tolerance(flag: string, word: string | undefined): number {
  const value = word === undefined ? null : parseDecimal(word);
  if (value === null || value < 0) throw new InputError(`${flag} needs a number that is not negative`);
  return value;
}

/** A finite decimal number, or null. `Number` alone would also take "0x10", "" and "Infinity". */
export function parseDecimal(word: string): number | null {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) return null;
  const value = Number(word);
  return Number.isFinite(value) ? value : null;
}
