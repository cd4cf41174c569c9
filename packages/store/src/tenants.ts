import { tenantSettingsSchema, type Tenant, type TenantSettings } from '@sandpiper/contracts';
import type { RedisConnection } from './connection.js';
import { KEYS } from './keys.js';

/** Tenants and how each is served; the scripts that dispatch and admit read the same hash. */
export class TenantStore {
  constructor(private readonly redis: RedisConnection) {}

  /** Makes a tenant or changes its settings. @returns true when it is new. */
  async set(name: string, settings: TenantSettings): Promise<boolean> {
    return (await this.redis.hset(KEYS.tenants, name, JSON.stringify(settings))) === 1;
  }

  /** Makes a tenant with the usual settings unless it is there. */
  async ensure(name: string): Promise<void> {
    await this.redis.hsetnx(KEYS.tenants, name, JSON.stringify(tenantSettingsSchema.parse({})));
  }

  /** By name. */
  async list(): Promise<Tenant[]> {
    const hash = await this.redis.hgetall(KEYS.tenants);
    return Object.entries(hash)
      .map(([name, text]) => ({ name, ...(JSON.parse(text) as TenantSettings) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
