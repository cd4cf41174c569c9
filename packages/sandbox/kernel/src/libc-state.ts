/** The most that a guest's environment variables may take together, each with its cost; bytes. */
export const ENVIRONMENT_BYTES = 128 * 1024;

/**
 * The cost of a variable beside its name and value: a thousand one-letter variables take more than 2000
 * bytes.
 */
const VARIABLE_COST = 64;

export const bytesOfVariable = (name: string, value: string): number =>
  VARIABLE_COST + name.length + value.length;

/**
 * The state that a C library keeps for its process; a translated guest has no C library, so it is kept here.
 */
export class LibcState {
  /** Addresses that the guest holds as DIR *, with their descriptors. Bounded by the table of descriptors. */
  readonly directories = new Map<number, number>();
  /** As latin1. */
  readonly environment: Map<string, string>;
  /** Where getenv(3) put values that are still valid. */
  readonly placed = new Map<string, number>();
  environmentBytes: number;
  /** The guest's `FILE *stdout`. */
  standardOutput = 0;

  constructor(env: Readonly<Record<string, string>>) {
    const latin1 = (text: string) => Buffer.from(text).toString('latin1');
    this.environment = new Map(Object.entries(env).map(([name, value]) => [latin1(name), latin1(value)]));
    this.environmentBytes = 0;
    for (const [name, value] of this.environment) this.environmentBytes += bytesOfVariable(name, value);
  }
}
