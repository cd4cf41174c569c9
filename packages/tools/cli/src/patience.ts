import { setTimeout as sleep } from 'node:timers/promises';
import type { EndedRun, RunRequest } from '@sandpiper/contracts';
import type { GradingService } from '@sandpiper/grading';

/** How long one request is retried on an overloaded server before the command gives up, milliseconds. */
const MAX_WAIT_MS = 15 * 60_000;
const DEFAULT_RETRY_SECONDS = 1;
const MAX_RETRY_SECONDS = 60;

/**
 * Wraps a service: on overload (429) it waits as long as the server asks, and says so once.
 * @param common what all runs have in common, such as their runtime
 */
export function patient(
  service: GradingService,
  signal: AbortSignal,
  common: Partial<RunRequest> = {},
): GradingService {
  const patience = new Patience(signal);
  return {
    submitBatch: ({ runs, ...batch }) => {
      const all = { ...batch, runs: runs.map((run) => ({ ...run, ...common })) };
      return patience.retry(() => service.submitBatch(all));
    },
    followBatch: (id, options) => followPatiently(service, patience, id, options),
    cancelBatch: (id) => service.cancelBatch(id),
  };
}

/** The ends of a batch's runs; goes on after a refusal where it was. */
async function* followPatiently(
  service: GradingService,
  patience: Patience,
  id: string,
  { signal, from = 0 }: { readonly signal: AbortSignal; readonly from?: number },
): AsyncGenerator<EndedRun> {
  let position = from;
  let ends: AsyncIterator<EndedRun> | null = null;
  const next = async (): Promise<IteratorResult<EndedRun>> => {
    ends ??= service.followBatch(id, { signal, from: position })[Symbol.asyncIterator]();
    try {
      return await ends.next();
    } catch (error) {
      ends = null;
      throw error;
    }
  };
  try {
    for (let ended = await patience.retry(next); ended.done !== true; ended = await patience.retry(next)) {
      position = ended.value.position;
      yield ended.value;
    }
  } finally {
    await (ends as AsyncIterator<EndedRun> | null)?.return?.();
  }
}

/**
 * Retries a request while the server is overloaded (429), after the delay that the server asks for. Any other
 * failure, including a server without its Redis (503), is an error at once.
 */
export class Patience {
  private told = false;

  constructor(private readonly signal: AbortSignal) {}

  retry<T>(call: () => Promise<T>): Promise<T> {
    return retryBusy(call, (seconds) => this.tell(seconds), this.signal);
  }

  private tell(seconds: number): void {
    if (this.told) return;
    this.told = true;
    process.stderr.write(`sandpiper: the server is overloaded; retrying in ${seconds} s, as it asks\n`);
  }
}

async function retryBusy<T>(
  call: () => Promise<T>,
  onBusy: (seconds: number) => void,
  signal: AbortSignal,
): Promise<T> {
  const deadline = Date.now() + MAX_WAIT_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const seconds = busySeconds(error);
      if (seconds === null || Date.now() + seconds * 1000 > deadline) throw error;
      onBusy(seconds);
      await sleep(seconds * 1000, undefined, { signal });
    }
  }
}

/** The delay that a "429 Too Many Requests" asks for, seconds; null for any other error. */
function busySeconds(error: unknown): number | null {
  if (!(error instanceof Error) || !('status' in error) || error.status !== 429) return null;
  const asked = 'retryAfterSeconds' in error ? Number(error.retryAfterSeconds) : Number.NaN;
  return Number.isFinite(asked) && asked > 0 ? Math.min(asked, MAX_RETRY_SECONDS) : DEFAULT_RETRY_SECONDS;
}
