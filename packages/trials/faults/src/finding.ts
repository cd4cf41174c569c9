/** One demand, and what was seen. */
export interface Finding {
  readonly what: string;
  readonly measured: string;
  readonly demanded: string;
  /** Null: a figure that nothing is demanded of. */
  readonly met: boolean | null;
}

/** A demand that a number is zero: the usual one here. */
export const none = (what: string, count: number, examples: readonly string[] = []): Finding => ({
  what,
  measured: examples.length === 0 ? String(count) : `${count}, e.g. ${examples.slice(0, 3).join('; ')}`,
  demanded: '0',
  met: count === 0,
});

export const figure = (what: string, measured: string): Finding => ({
  what,
  measured,
  demanded: '',
  met: null,
});

export const demand = (what: string, measured: string | number, demanded: string, met: boolean): Finding => ({
  what,
  measured: String(measured),
  demanded,
  met,
});
