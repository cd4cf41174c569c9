import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { sleep } from '../wait.js';

/**
 * A process that acts as one client of a scheduler: its parent gives it one job, and it answers with one
 * report.
 */
export type ClientJob = BodiesJob | ReadJob;

interface Target {
  readonly url: string;
  readonly key: string;
}

/** `count` concurrent submissions, each with a standard input of `bytes` bytes. */
export interface BodiesJob extends Target {
  readonly kind: 'bodies';
  readonly count: number;
  readonly bytes: number;
}

/** Reads all results of a batch, line by line, at most at this rate, repeatedly. */
export interface ReadJob extends Target {
  readonly kind: 'read';
  readonly batch: string;
  readonly runs: number;
  /** Each line holds at least this many bytes. */
  readonly bytes: number;
  readonly times: number;
  readonly bytesPerSecond: number;
}

export interface ClientReport {
  /** Answers counted by status; 0: no answer. */
  readonly statuses: Record<string, number>;
  /** What was wrong with the answers. */
  readonly faults: string[];
}

/** A broken stream is resumed from its position, at most this often in a row without a line. */
const MAX_BREAKS = 20;

class Report implements ClientReport {
  readonly statuses: Record<string, number> = {};
  readonly faults: string[] = [];

  count(status: number): void {
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
  }
}

async function sendBodies({ url, key, count, bytes }: BodiesJob): Promise<ClientReport> {
  const report = new Report();
  const body = Buffer.from(JSON.stringify({ source: 'print("large")', stdin: 'x'.repeat(bytes) }));
  const send = (index: number): Promise<void> =>
    new Promise((resolve) => {
      const call = request(`${url}/v1/runs`, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${key}`,
          'Content-Type': 'application/json',
          'Content-Length': body.length,
          'Idempotency-Key': `body-${index}`,
        },
      });
      // A server that refuses need not read the rest: the answer counts, not the body's fate.
      finish(call, (status, error) => {
        report.count(status);
        if (error !== null) report.faults.push(`body ${index}: ${error}`);
        resolve();
      });
      call.end(body);
    });
  await Promise.all(Array.from({ length: count }, (_, index) => send(index)));
  return report;
}

/** @param done called once: the status, or 0 and why there is none */
function finish(call: ClientRequest, done: (status: number, error: string | null) => void): void {
  let told = false;
  const tell = (status: number, error: string | null = null): void => {
    if (told) return;
    told = true;
    done(status, error);
  };
  let status = 0;
  call.once('response', (response: IncomingMessage) => {
    status = response.statusCode ?? 0;
    response.resume();
    response.once('close', () => tell(status));
    response.once('error', () => tell(status));
  });
  // The connection may break while the rest of a refused body is still being sent.
  call.on('error', ({ message }) => (status === 0 ? tell(0, message) : tell(status)));
}

async function readBatch(job: ReadJob): Promise<ClientReport> {
  const report = new Report();
  for (let i = 0; i < job.times; i++) await readOnce(job, report);
  return report;
}

/** The whole batch once. */
async function readOnce(job: ReadJob, report: Report): Promise<void> {
  const seen = new Set<number>();
  let position = 0;
  for (let breaks = 0; position < job.runs; breaks++) {
    if (breaks === MAX_BREAKS) {
      report.faults.push(`${job.runs - position} results never came`);
      return;
    }
    const response = await open(job, position);
    report.count(response?.statusCode ?? 0);
    if (response?.statusCode !== 200) {
      response?.destroy();
      await sleep(1000 * Number(response?.headers['retry-after'] ?? 1));
      continue;
    }
    const before = position;
    await eachLine(response, job.bytesPerSecond, ({ head, length }) => {
      const facts = /^\{"position":(\d+),"index":(\d+),/.exec(head);
      if (facts === null || length < job.bytes || !head.includes('"status":"ok"')) {
        report.faults.push(`a line of ${length} bytes: ${head.slice(0, 120)}`);
      }
      position = Number(facts?.[1] ?? position + 1);
      seen.add(Number(facts?.[2] ?? -1));
    });
    if (position > before) breaks = 0;
  }
  if (seen.size !== job.runs) report.faults.push(`${seen.size} different runs of ${job.runs}`);
}

function open({ url, key, batch }: ReadJob, from: number): Promise<IncomingMessage | null> {
  return new Promise((resolve) => {
    const path = `${url}/v1/batches/${batch}/results?from=${from}`;
    const call = request(path, { headers: { Authorization: `Bearer ${key}` } });
    call.once('response', resolve);
    call.once('error', () => resolve(null));
    call.end();
  });
}

interface Line {
  /** Its beginning. */
  readonly head: string;
  readonly length: number;
}

const HEAD_BYTES = 2_000;

/** Complete, non-empty lines, read at most at this rate. Ends early where the connection breaks. */
async function eachLine(
  body: IncomingMessage,
  bytesPerSecond: number,
  take: (line: Line) => void,
): Promise<void> {
  let head = '';
  let length = 0;
  const begun = performance.now();
  let read = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        add(chunk, start, end);
        if (length > 0) take({ head, length });
        [head, length, start] = ['', 0, end + 1];
      }
      add(chunk, start, chunk.length);
      read += chunk.length;
      const early = (1000 * read) / bytesPerSecond - (performance.now() - begun);
      if (early > 5) await sleep(early);
    }
  } catch {
    // Missing lines are requested again.
  }

  function add(chunk: Buffer, start: number, end: number): void {
    if (head.length < HEAD_BYTES) head += chunk.toString('latin1', start, Math.min(end, start + HEAD_BYTES));
    length += end - start;
  }
}

process.once('message', (message) => {
  const job = message as ClientJob;
  const doing = job.kind === 'bodies' ? sendBodies(job) : readBatch(job);
  void doing.then((report) => process.send?.(report));
});
process.once('disconnect', () => process.exit(1));
