import { SingleBar } from 'cli-progress';

export interface GradingProgress {
  readonly update: (done: number, total: number) => void;
  readonly stop: () => void;
}

interface ProgressStream extends NodeJS.WritableStream {
  isTTY?: boolean;
}

/** A live bar on a terminal; otherwise one line per 10 %, to keep logs short. */
export function createGradingProgress(stream: ProgressStream = process.stderr): GradingProgress {
  return stream.isTTY === true ? createBar(stream) : createLines(stream);
}

function createBar(stream: NodeJS.WritableStream): GradingProgress {
  const bar = new SingleBar({
    stream,
    format: 'grading [{bar}] {value}/{total} runs, {duration_formatted}',
    hideCursor: true,
    clearOnComplete: true,
  });
  let started = false;
  return {
    update(done, total) {
      if (!started) bar.start(total, done);
      started = true;
      bar.update(done);
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

function createLines(stream: NodeJS.WritableStream): GradingProgress {
  let told = -1;
  return {
    update(done, total) {
      const tenth = Math.floor((done * 10) / total);
      if (tenth === told) return;
      told = tenth;
      stream.write(`sandpiper: ${done} of ${total} runs done\n`);
    },
    stop() {},
  };
}
