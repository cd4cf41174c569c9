/** One requirement, and what was observed. */
export interface Observation {
  readonly what: string;
  readonly measured: string;
  readonly required: string;
  /** Null for a figure without a requirement. */
  readonly met: boolean | null;
}

/** The most common requirement: a number is zero. */
export const none = (what: string, count: number, examples: readonly string[] = []): Observation => ({
  what,
  measured: examples.length === 0 ? String(count) : `${count}, e.g. ${examples.slice(0, 3).join('; ')}`,
  required: '0',
  met: count === 0,
});

export const figure = (what: string, measured: string): Observation => ({
  what,
  measured,
  required: '',
  met: null,
});

export const requirement = (
  what: string,
  measured: string | number,
  required: string,
  met: boolean,
): Observation => ({
  what,
  measured: String(measured),
  required,
  met,
});
