/**
 * The outcome of a test method. `ended` is not from the driver: the interpreter ended or hung within the
 * method.
 */
type OutcomeName = 'pass' | 'fail' | 'error' | 'skip' | 'expected failure' | 'unexpected success' | 'ended';

export interface MethodOutcome {
  readonly outcome: OutcomeName;
  /** The last line of the exception and where it was raised; empty where there is none. */
  readonly reason: string;
}

/** One side's outcomes for one module. */
export interface SideResult {
  /** By id, in the order in which they ran. */
  readonly outcomes: ReadonlyMap<string, MethodOutcome>;
  /** What went wrong outside of any method, one line each. */
  readonly troubles: readonly string[];
  /** Calls that the virtual kernel refused, by name; empty for the bare interpreter. */
  readonly deniedCalls: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** The longest time without a line, milliseconds. */
  readonly silenceMs: number;
}

/** A line of the driver (driver/driver.py tells their meaning). */
export type DriverEvent =
  | { readonly event: 'start'; readonly id: string }
  | { readonly event: 'end'; readonly id: string; readonly outcome: OutcomeName; readonly reason: string }
  | { readonly event: 'trouble'; readonly where: string; readonly reason: string }
  | { readonly event: 'done' };

/** Null for anything else: a test may have found the report's descriptor and written there. */
export function parseEvent(line: string): DriverEvent | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'event' in value ? (value as DriverEvent) : null;
  } catch {
    return null;
  }
}
