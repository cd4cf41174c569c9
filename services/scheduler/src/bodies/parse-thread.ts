import { move, transferableSymbol, valueSymbol } from 'piscina';
import { ApiProblem } from '../problems.js';
import type { ParseAnswer, ParseTask } from './parse-task.js';
import { batchOf, parseBody, parseLine, type PreparedBatch, runOf, submissionOf } from './prepared.js';
import { scanJson } from './scan.js';

/**
 * Piscina calls this in a thread of the scheduler: it parses and checks a body and serialises it for the
 * store.
 */
// oxlint-disable-next-line import/no-default-export -- Piscina calls the default export
export default function parseInThread(task: ParseTask): ParseAnswer {
  try {
    const text = textOf(task);
    return task.kind === 'submission'
      ? { submission: submissionOf(parseBody(text)) }
      : packed(prepare(task, text));
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    const { code, message, details } = error;
    return { problem: { code, message, path: details.path } };
  }
}

function textOf({ bytes }: ParseTask): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  scanJson(text);
  return text;
}

function prepare({ kind, ceilings, index }: ParseTask, text: Buffer): PreparedBatch {
  if (kind === 'batch') return batchOf(parseBody(text), ceilings);
  const run =
    kind === 'run'
      ? runOf(parseBody(text), ceilings)
      : runOf(parseLine(text, index), ceilings, ['runs', index]);
  return { runs: [run], name: null, idempotencyKey: run.idempotencyKey };
}

function packed({ runs, name, idempotencyKey }: PreparedBatch): ParseAnswer {
  const lengths = runs.map(({ json }) => Buffer.byteLength(json));
  // Not from Buffer's pool: the memory is transferred to the other thread.
  const text = Buffer.allocUnsafeSlow(lengths.reduce((sum, length) => sum + length, 0));
  let at = 0;
  const facts = runs.map(({ json, ...run }, i) => {
    at += text.write(String(json), at);
    return { ...run, length: lengths[i] ?? 0 };
  });
  const answer: ParseAnswer = { runs: facts, text, name, idempotencyKey };
  return move({
    get [transferableSymbol](): object {
      return text.buffer;
    },
    get [valueSymbol](): object {
      return answer;
    },
  }) as unknown as ParseAnswer;
}
