import { Cluster } from 'ioredis';
import type { RedisConnection } from './connection.js';

/**
 * How Redis makes room when it is full: `noeviction`, or the name of a policy that drops what it was given,
 * runs and jobs among it; of a cluster's masters the first that does.
 * @returns null when it may not be asked (INFO is not granted) or does not say.
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
 * Bytes that Redis uses and may use (0: no bound).
 * @returns null where it may not be asked, and of a cluster, where one of many servers would answer
 * @throws the connection's error when Redis is away
 */
export async function memoryOf(connection: RedisConnection): Promise<{ used: number; max: number } | null> {
  if (connection instanceof Cluster) return null;
  const text = await connection.info('memory').catch(refused);
  if (text === null) return null;
  const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return { used: field('used_memory'), max: field('maxmemory') };
}
