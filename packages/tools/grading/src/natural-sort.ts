const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'variant' });

/** Order in which people number their tests: `2` before `10`. Ties of the collation are told apart by code unit. */
export function naturalCompare(a: string, b: string): number {
  const order = collator.compare(a, b);
  if (order !== 0) return order;
  return a < b ? -1 : a > b ? 1 : 0;
}
