import { Cluster } from 'ioredis';
import type { RedisConnection } from './connection.js';

/**
 * The eviction policy of Redis: `noeviction`, or the name of a policy that drops data, runs and jobs
 * included; for a cluster, that of the first master with such a policy.
 * @returns null when INFO is not permitted or lacks the policy.
 * @throws the connection's error when Redis is away
 */
export async function evictionPolicy(connection: RedisConnection): Promise<string | null> {
  const servers = connection instanceof Cluster ? connection.nodes('master') : [connection];
  const policies = await Promise.all(servers.map((server) => server.info('memory').then(policyIn, refused)));
  return policies.find((policy) => policy !== null && policy !== 'noeviction') ?? policies[0] ?? null;
}

const policyIn = (info: string): string | null => /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? null;

function refused(error: unknown): null {
  if (error instanceof Error && error.message.startsWith('NOPERM')) return null;
  throw error;
}

/**
 * Used memory and maxmemory of Redis, bytes (0: no bound).
 * @returns null when INFO is not permitted, and for a cluster, where only one of many servers would answer
 * @throws the connection's error when Redis is away
 */
export async function memoryOf(connection: RedisConnection): Promise<{ used: number; max: number } | null> {
  if (connection instanceof Cluster) return null;
  const text = await connection.info('memory').catch(refused);
  if (text === null) return null;
  const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { used: field('used_memory'), max: field('maxmemory') };
}
