import { ListError } from './differences.js';

/** A line of the table of reasons. */
export interface ReasonRule {
  readonly reason: string;
  readonly pattern: RegExp;
}

/** Lines `reason<TAB>regular expression`; empty lines and those that begin with # are left out. */
export function parseReasons(text: string): ReasonRule[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [reason = '', pattern = '', ...rest] = line.split('\t');
    if (rest.length > 0 || reason.trim() === '' || pattern === '')
      throw new ListError(`reasons: line ${index + 1}: is not a reason, one tab and a pattern`);
    try {
      return [{ reason: reason.trim(), pattern: new RegExp(pattern) }];
    } catch (error) {
      throw new ListError(`reasons: line ${index + 1}: ${(error as Error).message}`);
    }
  });
}

/** The reason of a difference by its words; null where no rule matches. */
export function reasonOfDifference(
  rules: readonly ReasonRule[],
  { id, found }: { readonly id: string; readonly found: string },
): string | null {
  return rules.find(({ pattern }) => pattern.test(`${id}: ${found}`))?.reason ?? null;
}

/** How many differences have each reason, the most frequent first; what follows a colon tells details. */
export function countReasons(reasons: readonly string[]): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const reason of reasons) {
    const key = reason.split(':')[0] ?? reason;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort(([a, many], [b, others]) => others - many || (a < b ? -1 : 1));
}
