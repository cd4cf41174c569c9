import { z } from 'zod';

/**
 * What a key is for: sending runs, looking at what its tenant has sent, running the service. Admin includes
 * the others.
 */
export const SCOPES = ['submit', 'read', 'admin'] as const;
export const scopeSchema = z.enum(SCOPES);
export type Scope = z.infer<typeof scopeSchema>;

/** Names of tenants stand in labels of metrics and in keys of Redis. */
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

/** How a tenant is served among the others. */
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

/** The one answer that holds the key itself: what is stored is its hash. */
export const newKeySchema = keySchema
  .extend({ key: z.string().describe('Shown once; send it as Authorization: Bearer KEY') })
  .meta({ id: 'NewKey' });

export type NewKey = z.infer<typeof newKeySchema>;

export const keysSchema = z.strictObject({ keys: z.array(keySchema) }).meta({ id: 'Keys' });

/** Whether only this host can connect to an address that a service listens on. */
export const isLoopbackHost = (host: string): boolean => /^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host);
