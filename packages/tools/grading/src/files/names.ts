/**
 * Whether the format takes a name for absent: it begins with a dot or a dash. `__pycache__` and `__MACOSX` are litter
 * of tools, and a name with U+FFFD was not UTF-8, so no file can be opened by it.
 */
export function isIgnoredName(name: string): boolean {
  return /^[.-]/.test(name) || name === '__pycache__' || name === '__MACOSX' || name.includes('\uFFFD');
}

/** The order of tests and groups in the format: lexicographical, whatever the locale. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
