import { parentPort } from 'node:worker_threads';
import { type CheckTask, doTask, type TaskReply } from './tasks.js';

parentPort?.on('message', (task: CheckTask) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(replyTo(task));
});

function replyTo(task: CheckTask): TaskReply {
  try {
    return { answer: doTask(task), fault: null };
  } catch (error) {
    return { answer: null, fault: error instanceof Error ? error.message : String(error) };
  }
}
