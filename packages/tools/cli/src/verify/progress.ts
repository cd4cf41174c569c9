import type { VerifyPart } from '@sandpiper/grading';
import { createGradingProgress, type GradingProgress } from '../grade/progress.js';

export interface VerifyProgress {
  readonly update: (part: VerifyPart, done: number, total: number) => void;
  readonly stop: () => void;
}

/** The progress of one part after the other. */
export function createVerifyProgress(stream: NodeJS.WritableStream = process.stderr): VerifyProgress {
  let current: { readonly part: VerifyPart; readonly progress: GradingProgress } | null = null;
  return {
    update(part, done, total) {
      if (current?.part !== part) {
        current?.progress.stop();
        stream.write(`sandpiper: checking ${part}\n`);
        current = { part, progress: createGradingProgress(stream) };
      }
      current.progress.update(done, total);
    },
    stop() {
      current?.progress.stop();
      current = null;
    },
  };
}
