/** So much must come of a body, or its end, before the time is up, bytes. */
const STEP_BYTES = 64 * 1024;

/** A sender of a body must get on: what it holds of the budget, others wait for. */
export class Progress {
  private timer: NodeJS.Timeout | null = null;
  private left: number;
  private startedAt = 0;
  private since = 0;

  constructor(
    private readonly ms: number,
    private readonly onStuck: () => void,
  ) {
    this.left = ms;
    this.resume();
  }

  received(bytes: number): void {
    this.since += bytes;
    if (this.since < STEP_BYTES) return;
    this.since = 0;
    this.pause();
    this.left = this.ms;
    this.resume();
  }

  /** What is waited for now is not the sender. */
  pause(): void {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.left -= performance.now() - this.startedAt;
  }

  resume(): void {
    if (this.timer !== null) return;
    this.startedAt = performance.now();
    this.timer = setTimeout(this.onStuck, Math.max(0, this.left));
  }
}
