/** One requirement, and its measurement. */
export interface Finding {
  readonly experiment: string;
  readonly measured: string;
  readonly required: string;
  readonly met: boolean;
}
