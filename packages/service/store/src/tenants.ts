import { tenantSettingsSchema, type Tenant, type TenantSettings } from '@sandpiper/contracts';
import type { RedisConnection } from './redis/connection.js';
import { KEYS } from './keys.js';
import { Script } from './redis/script.js';
import { type Bell, SILENT_BELL } from './runs/queue.js';
import { assertReadable, SCHEMA } from './schema.js';

const SET_TENANT = new Script('sandpiperSetTenant', 1, 'operation/set-tenant');

/** Tenants and their settings; the dispatch and admission scripts read the same hash. */
export class TenantStore {
  /** @param bell wakes nodes when there is work for them */
  constructor(
    private readonly redis: RedisConnection,
    private readonly bell: Bell = SILENT_BELL,
  ) {}

  /** Creates a tenant or replaces its settings. @returns true when it is new. */
  async set(name: string, settings: TenantSettings): Promise<boolean> {
    const text = stored(settings);
    const reply = await SET_TENANT.run(this.redis, KEYS.tenants, name, text);
    const [isNew, ...woken] = reply as [number, ...string[]];
    this.bell.ring(woken);
    return isNew === 1;
  }

  /** Creates a tenant with default settings unless it exists. */
  async ensure(name: string): Promise<void> {
    await this.redis.hsetnx(KEYS.tenants, name, stored(tenantSettingsSchema.parse({})));
  }

  /** By name. */
  async list(): Promise<Tenant[]> {
    const hash = await this.redis.hgetall(KEYS.tenants);
    return Object.entries(hash)
      .map(([name, text]) => {
        const { schema, ...settings } = JSON.parse(text) as TenantSettings & { readonly schema?: number };
        assertReadable(`tenant ${name}`, schema);
        return { name, ...settings };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

const stored = (settings: TenantSettings): string => JSON.stringify({ ...settings, schema: SCHEMA });
