import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiKey, KeyRequest, NewKey } from '@sandpiper/contracts';
import type { RedisConnection } from './redis/connection.js';
import { KEYS } from './keys.js';
import { assertReadable, SCHEMA } from './schema.js';
import { TenantStore } from './tenants.js';

/** `sp_ID_SECRET`: the id finds the key, the secret proves it. */
const KEY_PATTERN = /^sp_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;

interface StoredKey extends ApiKey {
  /** SHA-256 of the secret, hex. A secret of 256 random bits cannot be guessed, so it needs no slow hash. */
  readonly hash: string;
  readonly schema?: number;
}

/** @throws NewerSchemaError */
function parseKey(id: string, text: string): { readonly key: ApiKey; readonly hash: string } {
  const { hash, schema, ...key } = JSON.parse(text) as StoredKey;
  assertReadable(`API key ${id}`, schema);
  return { key, hash };
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Compares two secrets in constant time. */
export const sameSecret = (a: string, b: string): boolean => timingSafeEqual(hashOf(a), hashOf(b));

/** API keys; only their hashes are stored. */
export class ApiKeyStore {
  constructor(private readonly redis: RedisConnection) {}

  /** Creates a key, and its tenant if it is new. The key itself exists only in the answer. */
  async create(request: KeyRequest): Promise<NewKey> {
    const id = randomBytes(6).toString('hex');
    const secret = randomBytes(32).toString('base64url');
    const { tenant, scopes, name = null } = request;
    const key: ApiKey = { id, tenant, scopes, name, createdAt: new Date().toISOString() };
    await new TenantStore(this.redis).ensure(tenant);
    const stored: StoredKey = { ...key, hash: hashOf(secret).toString('hex'), schema: SCHEMA };
    await this.redis.hset(KEYS.apiKeys, id, JSON.stringify(stored));
    return { ...key, key: `sp_${id}_${secret}` };
  }

  /** @returns the key, or null when it is unknown, revoked, or malformed. */
  async verify(text: string): Promise<ApiKey | null> {
    const [, id = '', secret = ''] = KEY_PATTERN.exec(text) ?? [];
    if (id === '') return null;
    const stored = await this.redis.hget(KEYS.apiKeys, id);
    if (stored === null) return null;
    const { key, hash } = parseKey(id, stored);
    return timingSafeEqual(hashOf(secret), Buffer.from(hash, 'hex')) ? key : null;
  }

  /** @returns false when the key does not exist. */
  async revoke(id: string): Promise<boolean> {
    return (await this.redis.hdel(KEYS.apiKeys, id)) === 1;
  }

  /** By tenant, then by age. */
  async list(): Promise<ApiKey[]> {
    const hash = await this.redis.hgetall(KEYS.apiKeys);
    return Object.entries(hash)
      .map(([id, text]) => parseKey(id, text).key)
      .sort((a, b) => (`${a.tenant} ${a.createdAt}` < `${b.tenant} ${b.createdAt}` ? -1 : 1));
  }
}
