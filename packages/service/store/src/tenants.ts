import { tenantSettingsSchema, type Tenant, type TenantSettings } from '@sandpiper/contracts';
import type { RedisConnection } from './connection.js';
import { backlogKey, KEYS } from './keys.js';
import { Script } from './script.js';
import { assertReadable, SCHEMA } from './schema.js';
import { ACTIVATE } from './scripts/lua.js';

/**
 * Changes the settings of a tenant, effective at once: a tenant that was at its running limit is considered
 * again. KEYS: tenants, backlog. ARGV: tenant, settings. Returns 1 when it is new.
 */
const SET_TENANT = new Script(
  'sandpiperSetTenant',
  2,
  `${ACTIVATE}
local new = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('EXISTS', KEYS[2]) == 1 then activate(ARGV[1]) end
return new
`,
);

/** Tenants and their settings; the dispatch and admission scripts read the same hash. */
export class TenantStore {
  constructor(private readonly redis: RedisConnection) {}

  /** Creates a tenant or replaces its settings. @returns true when it is new. */
  async set(name: string, settings: TenantSettings): Promise<boolean> {
    const text = stored(settings);
    return (await SET_TENANT.run(this.redis, KEYS.tenants, backlogKey(name), name, text)) === 1;
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
