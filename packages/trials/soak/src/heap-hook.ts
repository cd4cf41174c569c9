import { mkdtempSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';
import { type HeapReport, type Plant, reportName, type ThreadHeap } from './heap-report.js';

/**
 * Loaded into each thread of a service by `node --import`. At SIGUSR2 every thread collects its garbage and
 * reports what is left; the main thread writes it to the folder that SOAK_FOLDER names. The service itself
 * does not know of it.
 *
 * With SOAK_PLANT it leaks a little each second, to show that a soak detects it.
 */

/** All threads have answered by then, or are left out, milliseconds. */
const ANSWER_MS = 500;

type Message =
  | { readonly kind: 'question'; readonly number: number }
  | { readonly kind: 'answer'; readonly number: number; readonly heap: ThreadHeap };

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const channel = new BroadcastChannel('sandpiper-soak');

function look(): ThreadHeap {
  // What the first collection finalizes is garbage for the second.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return { thread: threadId, bytes: heapUsed + external };
}

// A channel of threads has no origin that a message could be meant for.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
const send = (message: Message): void => channel.postMessage(message);

function receive(take: (message: Message) => void): void {
  channel.addEventListener('message', (event) => take((event as unknown as { readonly data: Message }).data));
  channel.unref();
}

function answerQuestions(): void {
  receive((message) => {
    if (message.kind === 'question') send({ kind: 'answer', number: message.number, heap: look() });
  });
}

function askAtSignals(folder: string): void {
  let number = 0;
  let threads: ThreadHeap[] = [];
  receive((message) => {
    if (message.kind === 'answer' && message.number === number) threads.push(message.heap);
  });
  process.on('SIGUSR2', () => {
    number += 1;
    send({ kind: 'question', number });
    threads = [look()];
    setTimeout(() => tell({ number, threads }), ANSWER_MS).unref();
  });

  function tell(report: HeapReport): void {
    const path = join(folder, reportName(process.pid));
    writeFileSync(`${path}.new`, JSON.stringify(report));
    renameSync(`${path}.new`, path);
  }
}

const kept: unknown[] = [];
const LEAKS: Record<Plant, () => void> = {
  heap: () => kept.push(Array.from({ length: 32_000 }, (_, i) => i + 0.5)),
  descriptors: () => kept.push(openSync('/dev/null', 'r')),
  folders: () => kept.push(mkdtempSync(join(tmpdir(), 'sandpiper-cell-'))),
};

const plant = process.env['SOAK_PLANT'];
if (!isMainThread) answerQuestions();
else {
  askAtSignals(process.env['SOAK_FOLDER'] ?? '.');
  if (plant !== undefined && plant in LEAKS) setInterval(LEAKS[plant as Plant], 1_000).unref();
}
