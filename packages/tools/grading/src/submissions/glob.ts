const MAX_PATTERNS = 1000;

/**
 * The patterns of submissions.yaml: `*` within a name, and braces. A pattern matches a path or a folder above it.
 * `**` and `[xyz]` have no meaning.
 */
export function matchesGlob(pattern: string, path: string): boolean {
  const parts = path.split('/');
  return expandBraces(pattern.replace(/\/+$/, '')).some((one) => {
    const regexp = new RegExp(`^${one.split('*').map(escaped).join('[^/]*')}$`);
    return parts.some((_, n) => regexp.test(parts.slice(0, n + 1).join('/')));
  });
}

/** `a{b,c}` is `ab` and `ac`. The number of alternatives is bounded; those above it are dropped. */
function expandBraces(pattern: string): string[] {
  const found = /\{([^{}]*)\}/.exec(pattern);
  if (found === null) return [pattern];
  const before = pattern.slice(0, found.index);
  const after = pattern.slice(found.index + found[0].length);
  const all: string[] = [];
  for (const choice of (found[1] ?? '').split(',')) {
    all.push(...expandBraces(`${before}${choice}${after}`));
    if (all.length > MAX_PATTERNS) break;
  }
  return all.slice(0, MAX_PATTERNS);
}

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
