/** One demand, and what was measured. */
export interface Finding {
  readonly experiment: string;
  readonly measured: string;
  readonly demanded: string;
  readonly met: boolean;
}
