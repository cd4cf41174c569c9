import { messageOf } from '@sandpiper/contracts';
import { z } from 'zod';
import { fileText } from '../file-text.js';
import { parseRedisLocation, type RedisLocation } from './location.js';

const file = z.string().min(1, 'must be the path of a file').optional();
const user = z.string().min(1).optional();

/** Environment of every service that talks to Redis (docs/redis.md). */
export const redisEnvShape = {
  SANDPIPER_REDIS_URL: z
    .string()
    .superRefine((url, context) => {
      const wrong = reasonAgainst(url);
      if (wrong !== null) context.addIssue({ code: 'custom', message: wrong });
    })
    .default('redis://127.0.0.1:6379')
    .describe('one server, Sentinels or a cluster; see docs/redis.md'),
  SANDPIPER_REDIS_USERNAME: user.describe('Redis user name, if the URL has none'),
  SANDPIPER_REDIS_PASSWORD_FILE: file.describe('file that holds the Redis password'),
  SANDPIPER_REDIS_SENTINEL_USERNAME: user.describe(
    'user name for the Sentinels; they never get that of Redis',
  ),
  SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE: file.describe('file that holds the password for the Sentinels'),
  SANDPIPER_REDIS_CA: file.describe(
    'certificate authority of the Redis servers (PEM file); by default those that the system trusts',
  ),
  SANDPIPER_REDIS_CERT: file.describe('client certificate (PEM file), if Redis requires one'),
  SANDPIPER_REDIS_KEY: file.describe('key of the client certificate (PEM file)'),
} as const;

const redisEnvSchema = z.object(redisEnvShape);
export type RedisEnv = z.infer<typeof redisEnvSchema>;

export interface Credentials {
  /** Empty: the user `default`. */
  readonly username: string;
  /** Empty: no password is sent. */
  readonly password: string;
}

/** PEM texts; an empty object trusts what the system trusts. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** All that it takes to reach Redis, with every file read. */
export interface RedisSettings {
  readonly topology: RedisLocation['topology'];
  readonly credentials: Credentials;
  readonly sentinelCredentials: Credentials;
  /** null: not encrypted. */
  readonly tls: TlsMaterial | null;
}

/** @throws Error of one line that begins with the variable at fault. Passwords never stand in it. */
export function redisSettings(env: RedisEnv): RedisSettings {
  const { topology, tls, username, password } = locationIn(env);
  const inUrl = username !== '' || password !== '';
  for (const name of ['SANDPIPER_REDIS_USERNAME', 'SANDPIPER_REDIS_PASSWORD_FILE'] as const) {
    if (inUrl && env[name] !== undefined) fail(name, 'SANDPIPER_REDIS_URL has a user or password already');
  }
  return {
    topology,
    credentials: inUrl
      ? { username, password }
      : credentials(env, 'SANDPIPER_REDIS_USERNAME', 'SANDPIPER_REDIS_PASSWORD_FILE'),
    sentinelCredentials: sentinelCredentials(env, topology.kind === 'sentinel'),
    tls: tlsMaterial(env, tls),
  };
}

/** A URL alone, with the system's trust and nothing of the environment. */
export function settingsOfUrl(url: string): RedisSettings {
  return redisSettings({ SANDPIPER_REDIS_URL: url });
}

function reasonAgainst(url: string): string | null {
  try {
    parseRedisLocation(url);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

function locationIn(env: RedisEnv): RedisLocation {
  const wrong = reasonAgainst(env.SANDPIPER_REDIS_URL);
  if (wrong !== null) fail('SANDPIPER_REDIS_URL', wrong);
  return parseRedisLocation(env.SANDPIPER_REDIS_URL);
}

type UserVariable = 'SANDPIPER_REDIS_USERNAME' | 'SANDPIPER_REDIS_SENTINEL_USERNAME';
type FileVariable =
  | 'SANDPIPER_REDIS_PASSWORD_FILE'
  | 'SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE'
  | 'SANDPIPER_REDIS_CA'
  | 'SANDPIPER_REDIS_CERT'
  | 'SANDPIPER_REDIS_KEY';

function credentials(env: RedisEnv, user: UserVariable, passwordFile: FileVariable): Credentials {
  const username = env[user] ?? '';
  const password = readText(env, passwordFile)?.replace(/\r?\n$/, '') ?? '';
  if (username !== '' && password === '') fail(user, `needs a password: give ${passwordFile} too`);
  return { username, password };
}

function sentinelCredentials(env: RedisEnv, isSentinel: boolean): Credentials {
  const [user, file] = [
    'SANDPIPER_REDIS_SENTINEL_USERNAME',
    'SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE',
  ] as const;
  for (const name of [user, file] as const) {
    if (!isSentinel && env[name] !== undefined) fail(name, 'is for redis-sentinel:// URLs');
  }
  return credentials(env, user, file);
}

function tlsMaterial(env: RedisEnv, tls: boolean): TlsMaterial | null {
  const names = ['SANDPIPER_REDIS_CA', 'SANDPIPER_REDIS_CERT', 'SANDPIPER_REDIS_KEY'] as const;
  if (!tls) {
    const idle = names.find((name) => env[name] !== undefined);
    // A user who sets a certificate expects an encrypted connection.
    if (idle !== undefined) fail(idle, 'is for TLS: SANDPIPER_REDIS_URL must begin with rediss');
    return null;
  }
  const [ca, cert, key] = names.map((name) => readPem(env, name));
  if (cert !== undefined && key === undefined) fail('SANDPIPER_REDIS_CERT', 'needs SANDPIPER_REDIS_KEY too');
  if (key !== undefined && cert === undefined) fail('SANDPIPER_REDIS_KEY', 'needs SANDPIPER_REDIS_CERT too');
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

function readPem(env: RedisEnv, name: FileVariable): string | undefined {
  const text = readText(env, name);
  if (text !== undefined && !text.includes('-----BEGIN ')) fail(name, `${env[name]} is no PEM file`);
  return text;
}

function readText(env: RedisEnv, name: FileVariable): string | undefined {
  const path = env[name];
  return path === undefined ? undefined : fileText(name, path);
}

function fail(variable: keyof RedisEnv, message: string): never {
  throw new Error(`${variable}: ${message}`);
}
