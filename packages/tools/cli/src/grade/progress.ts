import { SingleBar } from 'cli-progress';
import { duration } from '../map/progress.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { shortenedTo } from '../terminal/table.js';

export interface GradingProgress {
  readonly update: (done: number, total: number) => void;
  /** A verdict stands: it is shown on a terminal until the next does. */
  readonly finished: (label: string, verdict: string) => void;
  readonly stop: () => void;
}

interface ProgressStream extends NodeJS.WritableStream {
  isTTY?: boolean;
  columns?: number;
}

/** A live bar on a terminal; otherwise one line per 10 %, to keep logs short. Both say what time is left. */
export function createGradingProgress(
  stream: ProgressStream = process.stderr,
  now: () => number = () => performance.now(),
): GradingProgress {
  return stream.isTTY === true ? createBar(stream, now) : createLines(stream, now);
}

function createBar(stream: ProgressStream, now: () => number): GradingProgress {
  const left = new TimeLeft(now);
  let last = '';
  const payload = (done: number, total: number): { left: string; last: string } => ({
    left: left.after(done, total),
    last: shortenedTo(last, Math.max(0, (stream.columns ?? 80) - 78)),
  });
  const bar = new SingleBar({
    stream,
    format: 'grading [{bar}] {value}/{total} tests{left}{last}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: true,
  });
  let started = false;
  return {
    update(done, total) {
      if (!started) bar.start(total, done, payload(done, total));
      started = true;
      bar.update(done, payload(done, total));
    },
    finished(label, verdict) {
      last = ` ${escapeForTerminal(label, 40)}: ${verdict}`;
    },
    stop() {
      if (started) bar.stop();
      started = false;
    },
  };
}

function createLines(stream: NodeJS.WritableStream, now: () => number): GradingProgress {
  const left = new TimeLeft(now);
  let told = -1;
  return {
    update(done, total) {
      const time = left.after(done, total);
      const tenth = Math.floor((done * 10) / total);
      if (tenth === told) return;
      told = tenth;
      stream.write(`sandpiper: ${done} of ${total} tests done${time}\n`);
    },
    finished() {},
    stop() {},
  };
}

/** How long the rest takes if it goes on as it has gone so far. */
class TimeLeft {
  private begin: { readonly at: number; readonly done: number } | null = null;

  constructor(private readonly now: () => number) {}

  /** E.g. `, 3 min 20 s left`; empty where nothing can be said. */
  after(done: number, total: number): string {
    // What is known from an earlier run was not done now.
    this.begin ??= { at: this.now(), done };
    const ran = done - this.begin.done;
    const seconds = (this.now() - this.begin.at) / 1000;
    if (ran <= 0 || done >= total) return '';
    return `, ${duration((seconds * (total - done)) / ran)} left`;
  }
}
