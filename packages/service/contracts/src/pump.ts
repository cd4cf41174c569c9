export interface PumpOptions {
  /** Does what there is to do now. A wake during a pass causes another pass. */
  readonly pass: () => Promise<void>;
  /**
   * A pass has failed. The pump rests until the next wake or tick, so that a lasting failure is no busy loop.
   */
  readonly onFailure: (error: unknown) => void;
  /** Whether a pass may begin; default: always. A wake that comes meanwhile counts at the next wake or tick. */
  readonly mayRun?: () => boolean;
}

/** Runs one pass at a time, however often it is woken: many wakes are merged into one pass. */
export class Pump {
  private working: Promise<void> | null = null;
  private wanted = false;
  private closed = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly options: PumpOptions) {}

  /** Something may have changed. Cheap. */
  wake(): void {
    if (this.closed) return;
    this.wanted = true;
    this.working ??= this.work().finally(() => {
      this.working = null;
      if (this.goesOn) this.wake();
    });
  }

  /** Wakes the pump at an interval, in case an event was lost. @param onTick called before each such wake */
  tickEvery(ms: number, onTick: () => void = () => undefined): void {
    this.timer ??= setInterval(() => {
      onTick();
      this.wake();
    }, ms);
  }

  /** No further pass begins. Resolves when the current one has ended. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.working;
  }

  private get goesOn(): boolean {
    return this.wanted && !this.closed && (this.options.mayRun?.() ?? true);
  }

  private async work(): Promise<void> {
    // Wakes in the same turn of the event loop share one pass.
    await new Promise(setImmediate);
    try {
      while (this.goesOn) {
        this.wanted = false;
        await this.options.pass();
      }
    } catch (error) {
      this.wanted = false;
      this.options.onFailure(error);
    }
  }
}
