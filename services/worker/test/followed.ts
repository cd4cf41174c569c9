import type { RunEvent, RunStream } from '@sandpiper/client';

/** A run that is being followed: what it has come to so far, and waits for what is still to come. */
export class Followed {
  readonly events: RunEvent[] = [];
  readonly ended: Promise<Extract<RunEvent, { type: 'result' }>['result']>;
  private waiting: (() => void)[] = [];

  constructor(readonly stream: RunStream) {
    this.ended = this.read();
    this.ended.catch(() => this.wake());
  }

  /** Output of the latest attempt. */
  text(stream: 'stdout' | 'stderr' = 'stdout'): string {
    return this.bytes(stream).toString('latin1');
  }

  bytes(stream: 'stdout' | 'stderr' = 'stdout'): Buffer {
    const from = this.events.findLastIndex((event) => event.type === 'restart') + 1;
    const pieces = this.events.slice(from).filter((event) => event.type === 'output');
    return Buffer.concat(pieces.filter((event) => event.stream === stream).map((event) => event.data));
  }

  get restarts(): number {
    return this.events.filter((event) => event.type === 'restart').length;
  }

  /** Of the last event that has one. */
  get cursor(): string {
    const last = this.events.findLast((event) => event.type !== 'state');
    if (last === undefined) throw new Error('nothing has come yet');
    return last.cursor;
  }

  /** Resolves when the output of the latest attempt holds that. @throws when the run ends first */
  async says(text: string): Promise<void> {
    while (!this.text().includes(text)) {
      const more = new Promise<'more'>((resolve) => this.waiting.push(() => resolve('more')));
      const next = await Promise.race([more, this.ended.then(() => 'ended' as const)]);
      if (next === 'ended' && !this.text().includes(text)) {
        throw new Error(`it ended without ${JSON.stringify(text)}: ${JSON.stringify(this.text())}`);
      }
    }
  }

  private async read(): Promise<Extract<RunEvent, { type: 'result' }>['result']> {
    for await (const event of this.stream) {
      this.events.push(event);
      this.wake();
      if (event.type === 'result') return event.result;
    }
    throw new Error('the stream ended without a result');
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
