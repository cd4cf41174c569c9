import { z } from 'zod';

/**
 * The rights of a key: submitting runs, reading its tenant's runs, watching the service (its load and its metrics, which
 * name tenants), operating it. Admin includes the others.
 */
export const SCOPES = ['submit', 'read', 'metrics', 'admin'] as const;
export const scopeSchema = z.enum(SCOPES);
export type Scope = z.infer<typeof scopeSchema>;

/** Names of tenants occur in metric labels and Redis keys. */
export const tenantNameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, ".", "_" and "-", and begin with a letter or digit',
  );

const byteLimit = (what: string) =>
  z
    .number()
    .int()
    .min(0)
    .max(2 ** 45)
    .default(0)
    .describe(`${what}; 0: the share of the service that every tenant has`);

/** The settings of a tenant. */
export const tenantSettingsSchema = z
  .strictObject({
    weight: z.number().min(0.01).max(1000).default(1).describe('Twice the weight is twice the runs'),
    maxQueued: z
      .number()
      .int()
      .min(0)
      .max(10_000_000)
      .default(0)
      .describe('Runs that may wait; 0: the share of the service that every tenant has'),
    maxRunning: z.number().int().min(0).max(100_000).default(0).describe('Runs at once; 0: no limit'),
    maxQueuedBytes: byteLimit('Bytes that its runs may take until they have ended'),
    maxKeptBytes: byteLimit('Bytes that its ended runs may take; above it the oldest of them are removed'),
  })
  .meta({ id: 'TenantSettings' });

export type TenantSettings = z.infer<typeof tenantSettingsSchema>;

export const tenantSchema = tenantSettingsSchema.extend({ name: tenantNameSchema }).meta({ id: 'Tenant' });
export type Tenant = z.infer<typeof tenantSchema>;

export const tenantsSchema = z.strictObject({ tenants: z.array(tenantSchema) }).meta({ id: 'Tenants' });

/** The body of `POST /v1/keys`. */
export const keyRequestSchema = z
  .strictObject({
    tenant: tenantNameSchema,
    scopes: z.array(scopeSchema).min(1).default(['submit', 'read']),
    name: z.string().min(1).max(128).optional().describe('For people'),
  })
  .meta({ id: 'KeyRequest' });

export type KeyRequest = z.infer<typeof keyRequestSchema>;

/** A key without its secret. */
export const keySchema = z
  .strictObject({
    id: z.string(),
    tenant: tenantNameSchema,
    scopes: z.array(scopeSchema),
    name: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Key' });

export type ApiKey = z.infer<typeof keySchema>;

/** The only answer with the key itself: only its hash is stored. */
export const newKeySchema = keySchema
  .extend({ key: z.string().describe('Shown once; send it as Authorization: Bearer KEY') })
  .meta({ id: 'NewKey' });

export type NewKey = z.infer<typeof newKeySchema>;

export const keysSchema = z.strictObject({ keys: z.array(keySchema) }).meta({ id: 'Keys' });

/** Whether a listening address is reachable only from this host. */
export const isLoopbackHost = (host: string): boolean => /^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host);
