import { createHash } from 'node:crypto';
import { write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A descriptor that takes nothing now is tried again after this time, milliseconds. */
const FULL_MS = 5;

/**
 * Output of a run that may begin anew in the middle, when what ran it has died. What stands on the terminal or in a pipe
 * cannot be taken back: so what the new attempt writes is left out as long as it is the same, which is known by its hash.
 */
export class PrintedOutput {
  /** The new attempt has written something else than the one before it. */
  differs = false;
  private printed = 0;
  private readonly hash = createHash('sha256');
  /** What the new attempt has said of what stands there already. */
  private repeated: { bytes: number; readonly hash: ReturnType<typeof createHash> } | null = null;

  constructor(private readonly target: Pick<DescriptorWriter, 'write'>) {}

  async write(data: Uint8Array): Promise<void> {
    const news = data.subarray(this.repeat(data));
    if (news.length === 0) return;
    this.hash.update(news);
    this.printed += news.length;
    await this.target.write(news);
  }

  restart(): void {
    this.repeated = this.printed === 0 ? null : { bytes: 0, hash: createHash('sha256') };
  }

  /** The run has ended. */
  end(): void {
    if (this.repeated !== null) this.differs = true;
  }

  /** How much of it stands there already. */
  private repeat(data: Uint8Array): number {
    const { repeated } = this;
    if (repeated === null) return 0;
    const known = Math.min(data.length, this.printed - repeated.bytes);
    repeated.hash.update(data.subarray(0, known));
    repeated.bytes += known;
    if (repeated.bytes === this.printed) {
      this.repeated = null;
      if (!repeated.hash.digest().equals(this.hash.copy().digest())) this.differs = true;
    }
    return known;
  }
}

/** Writes to a descriptor of this process, one piece after the other. A reader that has gone is told once. */
export class DescriptorWriter {
  private isBroken = false;

  constructor(
    private readonly fd: number,
    private readonly onBroken: () => void,
  ) {}

  async write(data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length && !this.isBroken; ) {
      try {
        at += await writeSome(this.fd, data.subarray(at));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') await sleep(FULL_MS);
        else {
          this.isBroken = true;
          this.onBroken();
        }
      }
    }
  }
}

const writeSome = (fd: number, data: Uint8Array): Promise<number> =>
  new Promise((resolve, reject) => {
    write(fd, data, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
