import { sleep } from '@sandpiper/faults';

const EVERY_MS = 250;
/** Who asks for less patience would take a busy machine for a node that is lost, milliseconds. */
const TIMEOUT_MS = 20_000;

/** Asks a node again and again whether it is ready. */
export class ReadinessProbe {
  private faults: string[] = [];
  private stopped = false;
  private readonly asking: Promise<void>;

  /** Begins at once. @param url of the node's operations server */
  constructor(private readonly url: string) {
    this.asking = this.ask();
  }

  /** The answers since the last call that were not "ready". */
  take(): string[] {
    const { faults } = this;
    this.faults = [];
    return faults;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.asking;
  }

  private async ask(): Promise<void> {
    while (!this.stopped) {
      try {
        const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
        const text = (await answer.text()).slice(0, 200);
        if (!answer.ok) this.faults.push(`the node is not ready: ${answer.status} ${text}`);
      } catch (error) {
        this.faults.push(`the node does not say whether it is ready: ${(error as Error).message}`);
      }
      await sleep(EVERY_MS);
    }
  }
}
