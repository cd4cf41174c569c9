import { DEFAULT_LIMITS, type RunStatus } from '@sandpiper/contracts';
import { type RedisConnection, RunStore, syntheticResult } from '@sandpiper/store';
import { TestNode } from '@sandpiper/store/testing';

/** Ends a run as a node would. */
export async function endRun(
  redis: RedisConnection,
  id: string,
  status: RunStatus = 'ok',
  dead = false,
): Promise<void> {
  const claim = await new TestNode(redis).claim(id);
  if (claim?.outcome !== 'run') throw new Error(claim?.outcome ?? `${id} does not wait`);
  const { attempt } = claim;
  const facts = { id, attempt, limits: DEFAULT_LIMITS, engine: 'seccomp', node: 'node', cell: 0 } as const;
  const result = syntheticResult({ ...facts, status: 'internal-error', message: '' });
  await new RunStore(redis).finish({ ...result, status }, claim.fence, { dead });
}

/** The code and the path of an answer that refuses. */
export function refusal(reply: { statusCode: number; json: () => unknown }): [number, string, string?] {
  const { error } = reply.json() as { error: { code: string; path?: string } };
  return error.path === undefined
    ? [reply.statusCode, error.code]
    : [reply.statusCode, error.code, error.path];
}
