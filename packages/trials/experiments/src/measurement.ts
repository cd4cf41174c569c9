/** One requirement, and its measurement. */
export interface Measurement {
  readonly experiment: string;
  readonly measured: string;
  readonly required: string;
  readonly met: boolean;
}
