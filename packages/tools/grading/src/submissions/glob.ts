import { InputError } from '../files/errors.js';

const MAX_PATTERNS = 1000;

/**
 * The patterns of submissions.yaml: `*` within a name, and braces. A pattern matches a path or a folder above it.
 * `**` and `[xyz]` have no meaning.
 * @throws InputError where the braces make more than a thousand patterns
 */
export function matchesGlob(pattern: string, path: string): boolean {
  const parts = path.split('/');
  return expandBraces(pattern.replace(/\/+$/, '')).some((one) => {
    const regexp = new RegExp(`^${one.split('*').map(escaped).join('[^/]*')}$`);
    return parts.some((_, n) => regexp.test(parts.slice(0, n + 1).join('/')));
  });
}

/** `a{b,c}` is `ab` and `ac`. */
function expandBraces(pattern: string): string[] {
  const found = /\{([^{}]*)\}/.exec(pattern);
  if (found === null) return [pattern];
  const before = pattern.slice(0, found.index);
  const after = pattern.slice(found.index + found[0].length);
  const all: string[] = [];
  for (const choice of (found[1] ?? '').split(',')) {
    all.push(...expandBraces(`${before}${choice}${after}`));
    if (all.length > MAX_PATTERNS) {
      throw new InputError(
        `${JSON.stringify(pattern.slice(0, 80))}: has more than ${MAX_PATTERNS} alternatives`,
      );
    }
  }
  return all;
}

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
