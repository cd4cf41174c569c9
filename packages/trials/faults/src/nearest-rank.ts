/** The value that this share of them (0 to 1) does not exceed, by nearest rank; 0 for none. */
export function nearestRank(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}
