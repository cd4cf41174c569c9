import { cpuWaitOf, type RunState, type RunStatus } from '@sandpiper/contracts';
import { SingleBar } from 'cli-progress';

interface ProgressStream extends NodeJS.WritableStream {
  isTTY?: boolean;
}

/** Progress: a live bar with rate and time left on a terminal, otherwise an occasional line. */
export class MapProgress {
  readonly #began = performance.now();
  readonly #byStatus = new Map<RunStatus, number>();
  readonly #bar: SingleBar | null;
  #ended = 0;
  /** Runs that met their wall limit because they waited for a CPU. */
  #unreliable = 0;
  #toldAt = performance.now();

  /** @param total null where it is unknown; @param done number of inputs done before this start */
  constructor(
    private readonly total: number | null,
    private readonly done: number,
    private readonly stream: ProgressStream = process.stderr,
  ) {
    this.#bar =
      stream.isTTY === true && total !== null
        ? new SingleBar({
            stream,
            format: 'map [{bar}] {value}/{total} runs, {rate}/s, {left} left{failed}',
            hideCursor: true,
            clearOnComplete: true,
          })
        : null;
    this.#bar?.start(total ?? 0, done, this.#payload());
  }

  /** Counts a run that has ended. */
  ended(run: RunState): void {
    const status = run.result?.status ?? 'internal-error';
    this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
    this.#ended += 1;
    if (run.result !== null && cpuWaitOf(run.result) !== null) this.#unreliable += 1;
    this.#bar?.update(this.done + this.#ended, this.#payload());
    if (this.#bar === null && performance.now() - this.#toldAt > LINE_EVERY_MS) {
      this.#toldAt = performance.now();
      const { rate, left, failed } = this.#payload();
      const of = this.total === null ? '' : ` of ${this.total}`;
      const time = this.total === null ? '' : `, ${left} left`;
      this.stream.write(`sandpiper: ${this.done + this.#ended}${of} runs, ${rate}/s${time}${failed}\n`);
    }
  }

  stop(): void {
    this.#bar?.stop();
  }

  /** Runs that did not end as `ok`. */
  get failures(): number {
    return this.#ended - (this.#byStatus.get('ok') ?? 0);
  }

  /** E.g. `1000 runs in 12.3 s: 990 ok, 10 runtime-error`. */
  summary(): string {
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(1);
    const counts = [...this.#byStatus].sort(([, a], [, b]) => b - a).map(([status, n]) => `${n} ${status}`);
    const what = counts.length === 0 ? '' : `: ${counts.join(', ')}`;
    const doubt = this.#unreliable === 0 ? '' : ` (${this.#unreliable} unreliable: waited for a CPU)`;
    return `${this.#ended} run${this.#ended === 1 ? '' : 's'} in ${seconds} s${what}${doubt}`;
  }

  #payload(): { rate: string; left: string; failed: string } {
    const seconds = (performance.now() - this.#began) / 1000;
    const rate = this.#ended / Math.max(seconds, 0.001);
    const left = this.total === null ? 0 : this.total - this.done - this.#ended;
    const failed = this.failures === 0 ? '' : `, ${this.failures} not ok`;
    return { rate: rate.toFixed(rate < 10 ? 1 : 0), left: duration(left / Math.max(rate, 0.001)), failed };
  }
}

/** Keeps logs short. */
const LINE_EVERY_MS = 10_000;

/** E.g. `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
