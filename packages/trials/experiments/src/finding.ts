/** One demand, and what was measured. */
export interface Finding {
  readonly experiment: string;
  readonly measured: string;
  readonly required: string;
  readonly met: boolean;
}
