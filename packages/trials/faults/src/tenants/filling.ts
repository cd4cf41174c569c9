import { bytesOf } from '@sandpiper/contracts';
import { Refusal } from '../api.js';
import type { TenantAccess } from './house.js';

/** A tenant that fills Redis with results, and removes them. */

export interface Filled {
  readonly ids: readonly string[];
  readonly ok: number;
  /** By status, in words. */
  readonly answers: string;
  readonly faults: readonly string[];
}

export interface Filling {
  readonly runs: number;
  /** Output of each. */
  readonly bytes: number;
}

const CHUNK = 65_536;

/** Two concurrent runs; a refusal with 429 or 413 is an answer, 503 is a fault. */
export async function fill({ api }: TenantAccess, name: string, { runs, bytes }: Filling): Promise<Filled> {
  const source = `import os\nfor _ in range(${bytes / CHUNK}): os.write(1, b"x" * ${CHUNK})\n`;
  const ids: string[] = [];
  const counts = new Map<string, number>();
  const faults: string[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < runs; i = next++) {
      const answer = await one(i);
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
      if (!['ok', '429', '413', 'thrown out'].includes(answer)) faults.push(answer);
    }
  };
  await Promise.all([lane(), lane()]);
  const answers = [...counts].map(([answer, count]) => `${count} ${answer}`).join(', ');
  return { ids, ok: counts.get('ok') ?? 0, answers, faults };

  async function one(index: number): Promise<string> {
    try {
      const id = await api.submit({ source }, `${name}-${index}`);
      ids.push(id);
      for (const deadline = performance.now() + 60_000; performance.now() < deadline; ) {
        const { state, result } = await api.run(id, 20);
        if (state !== 'done') continue;
        const isWhole = result !== null && bytesOf(result, 'stdout').length === bytes;
        return isWhole ? result.status : `${result?.status}, cut short`;
      }
      return 'no result after 60 s';
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Its own oldest results are evicted: an end that is gone before it is read.
      return error.status === 404 ? 'thrown out' : String(error.status);
    }
  }
}

/** Removes them; missing ones are no fault. */
export async function purge({ api }: TenantAccess, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await api.call(`/v1/runs/${id}?purge=true`, { method: 'DELETE' }).catch((error: unknown) => {
      if (!(error instanceof Refusal) || error.status !== 404) throw error;
    });
  }
}
