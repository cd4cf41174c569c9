import { DEFAULT_LIMITS, type RunStatus } from '@sandpiper/contracts';
import { type RunStore, syntheticResult } from '@sandpiper/store';

/** Ends a run as a node would. */
export async function endRun(
  store: RunStore,
  id: string,
  status: RunStatus = 'ok',
  dead = false,
): Promise<void> {
  const claim = await store.claim(id, 'node', 0);
  if (claim.outcome !== 'run') throw new Error(claim.outcome);
  const { attempt } = claim;
  const facts = { id, attempt, limits: DEFAULT_LIMITS, engine: 'seccomp', node: 'node', cell: 0 } as const;
  const result = syntheticResult({ ...facts, status: 'internal-error', message: '' });
  await store.finish({ ...result, status }, claim.fence, dead);
}

/** The code and the path of an answer that refuses. */
export function refusal(reply: { statusCode: number; json: () => unknown }): [number, string, string?] {
  const { error } = reply.json() as { error: { code: string; path?: string } };
  return error.path === undefined
    ? [reply.statusCode, error.code]
    : [reply.statusCode, error.code, error.path];
}
