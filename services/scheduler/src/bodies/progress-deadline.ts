/** A body must deliver this many bytes, or end, within the deadline. */
const STEP_BYTES = 64 * 1024;

/** Enforces progress of a sender: others wait for its share of the budget. */
export class ProgressDeadline {
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

  /** Pauses the deadline while the wait is not the sender's fault. */
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
