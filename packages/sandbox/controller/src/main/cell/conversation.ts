import { encodeBytes, fieldsOf, type Utterance } from '@sandpiper/contracts';
import type { LiveStreams } from './live-relay.js';

export type Speaker = 'program' | 'interactor';

const otherOf = (speaker: Speaker): Speaker => (speaker === 'program' ? 'interactor' : 'program');

/** Input that a guest gets at once, bytes. */
const MAX_PIECE = 256 * 1024;

/** One end of the conversation: what waits to be read there, and whether the guest waits for it. */
class End {
  readonly heard: Buffer[] = [];
  /** Told once what it prints is read no more. */
  tellUnread: () => void = () => {};
  isWaiting = false;
  /** A signal ended its wait, such as that of its time limit, and it has not asked again. */
  wasInterrupted = false;
  /** It reads no more. */
  isDeaf = false;
  /** It prints no more. */
  isSilent = false;
  #question: ((data: Uint8Array | null) => void) | null = null;

  /** Replaces a question that is still open: the guest was interrupted and asks again. */
  ask(): Promise<Uint8Array | null> {
    this.isWaiting = true;
    this.wasInterrupted = false;
    return new Promise((resolve) => {
      this.#question = resolve;
    });
  }

  /** @param isLast nothing more will come */
  answer(isLast: boolean): void {
    if (this.#question === null || (this.heard.length === 0 && !isLast)) return;
    const question = this.#question;
    this.#question = null;
    this.isWaiting = false;
    question(this.heard.length === 0 ? null : this.#take());
  }

  #take(): Buffer {
    let bytes = 0;
    let count = 0;
    while (count < this.heard.length && (count === 0 || bytes < MAX_PIECE)) {
      bytes += this.heard[count]?.length ?? 0;
      count += 1;
    }
    return Buffer.concat(this.heard.splice(0, count));
  }
}

/**
 * Two programs joined by pipes: the standard output of each is the standard input of the other. When one has ended, or
 * closed its output, the other reads what is left and then the end of file. A program that prints what nothing reads any
 * more gets EPIPE; an interactor does not, so that a program that leaves early never makes its judge fail.
 *
 * A guest's output reaches this class before its next question, so when both wait and nothing waits to be read, neither
 * can go on: a deadlock, known at once and whatever the load of the host.
 */
export class Conversation {
  readonly #ends = { program: new End(), interactor: new End() };
  readonly #said: { readonly from: Speaker; readonly pieces: Buffer[] }[] = [];
  #kept = 0;
  #truncated = false;
  #endedFirst: Speaker | 'neither' | null = null;
  #endedWaiting = false;

  /** @param keepBytes how much of what is said is kept for the result */
  constructor(
    private readonly keepBytes: number,
    private readonly onDeadlock: () => void,
  ) {}

  /** Which of the two ended first; `neither` after a deadlock. */
  get endedFirst(): Speaker | 'neither' | null {
    return this.#endedFirst;
  }

  /** What ended first was waiting for the other then, and the other was not waiting for it. */
  get endedWaiting(): boolean {
    return this.#endedWaiting;
  }

  get isTruncated(): boolean {
    return this.#truncated;
  }

  /** What was said, in order; what one of the two says in a row is one utterance. */
  get utterances(): Utterance[] {
    return this.#said.map(({ from, pieces }) => ({
      from,
      ...fieldsOf('data', encodeBytes(Buffer.concat(pieces))),
    }));
  }

  streamsOf(speaker: Speaker): LiveStreams {
    const own = this.#ends[speaker];
    const other = this.#ends[otherOf(speaker)];
    return {
      onOutput: (stream, data) => {
        if (stream === 'stdout') this.#say(speaker, Buffer.from(data));
      },
      onInput: () => {
        const answer = own.ask();
        own.answer(other.isSilent);
        this.#lookForDeadlock();
        return answer;
      },
      onInterrupted: () => {
        own.isWaiting = false;
        own.wasInterrupted = true;
      },
      onClosed: (stream) => (stream === 'stdin' ? this.#deafen(speaker) : this.#silence(speaker)),
      whenUnread: (tell) => {
        own.tellUnread = tell;
        if (speaker === 'program' && other.isDeaf) tell();
      },
    };
  }

  /** That guest has ended. */
  end(speaker: Speaker): void {
    if (this.#endedFirst === null) {
      this.#endedFirst = speaker;
      const { isWaiting, wasInterrupted } = this.#ends[speaker];
      this.#endedWaiting = (isWaiting || wasInterrupted) && !this.#ends[otherOf(speaker)].isWaiting;
    }
    this.#ends[speaker].isWaiting = false;
    this.#deafen(speaker);
    this.#silence(speaker);
  }

  #deafen(speaker: Speaker): void {
    const end = this.#ends[speaker];
    end.isDeaf = true;
    end.heard.length = 0;
    if (speaker === 'interactor') this.#ends.program.tellUnread();
  }

  #silence(speaker: Speaker): void {
    this.#ends[speaker].isSilent = true;
    this.#ends[otherOf(speaker)].answer(true);
  }

  #say(speaker: Speaker, data: Buffer): void {
    const listener = this.#ends[otherOf(speaker)];
    this.#keep(speaker, data);
    if (listener.isDeaf) return;
    listener.heard.push(data);
    listener.answer(false);
  }

  #keep(from: Speaker, data: Buffer): void {
    const piece = data.subarray(0, this.keepBytes - this.#kept);
    if (piece.length < data.length) this.#truncated = true;
    if (piece.length === 0) return;
    this.#kept += piece.length;
    const last = this.#said.at(-1);
    if (last?.from === from) last.pieces.push(piece);
    else this.#said.push({ from, pieces: [piece] });
  }

  #lookForDeadlock(): void {
    const { program, interactor } = this.#ends;
    if (!program.isWaiting || !interactor.isWaiting || this.#endedFirst !== null) return;
    this.#endedFirst = 'neither';
    this.onDeadlock();
  }
}
