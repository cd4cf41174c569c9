const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'variant' });

/** The order of numbered tests: `2` before `10`. Code units break ties of the collation. */
export function naturalCompare(a: string, b: string): number {
  const order = collator.compare(a, b);
  if (order !== 0) return order;
  return a < b ? -1 : a > b ? 1 : 0;
}
