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

/** How long the threads of a busy host may take to answer, milliseconds. */
const ANSWER_MS = 20_000;

type Message =
  | { readonly kind: 'loaded'; readonly thread: number }
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
  send({ kind: 'loaded', thread: threadId });
}

function askAtSignals(folder: string): void {
  /** Threads that can answer: they have loaded this hook, and have not ended. */
  const alive = new Set<number>();
  let number = 0;
  let threads: ThreadHeap[] = [];
  let late: NodeJS.Timeout | undefined;

  process.on('worker', (worker) => {
    const { threadId: thread } = worker;
    worker.once('exit', () => {
      alive.delete(thread);
      tellWhenAllHaveAnswered();
    });
  });
  receive((message) => {
    if (message.kind === 'loaded') alive.add(message.thread);
    if (message.kind !== 'answer' || message.number !== number) return;
    threads.push(message.heap);
    tellWhenAllHaveAnswered();
  });
  process.on('SIGUSR2', () => {
    clearTimeout(late);
    number += 1;
    send({ kind: 'question', number });
    threads = [look()];
    late = setTimeout(() => tell({ number, complete: false, threads }), ANSWER_MS).unref();
    tellWhenAllHaveAnswered();
  });

  function tellWhenAllHaveAnswered(): void {
    const answered = new Set(threads.map(({ thread }) => thread));
    if (late === undefined || ![...alive].every((thread) => answered.has(thread))) return;
    clearTimeout(late);
    late = undefined;
    tell({ number, complete: true, threads });
  }

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
