import { tenantNameSchema, tenantSchema, tenantSettingsSchema, tenantsSchema } from '@sandpiper/contracts';
import { z } from 'zod';
import type { App, Context } from '../context.js';
import { refusals, submissionRefusals } from './common.js';

/** For operators: tenants with their weights and quotas. */
export function tenantRoutes(app: App, context: Context): void {
  list(app, context);
  replace(app, context);
}

function list(app: App, { gate, tenants }: Context): void {
  app.get(
    '/v1/tenants',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'List tenants and their settings',
        tags: ['access'],
        response: { 200: tenantsSchema, ...refusals },
      },
    },
    async () => ({ tenants: await gate.run(() => tenants.list()) }),
  );
}

function replace(app: App, { gate, tenants }: Context): void {
  app.put(
    '/v1/tenants/:name',
    {
      config: { scope: 'admin', audit: 'tenant.set' },
      schema: {
        summary: 'Create a tenant or replace its settings',
        tags: ['access'],
        params: z.object({ name: tenantNameSchema }),
        body: tenantSettingsSchema,
        response: { 200: tenantSchema, ...submissionRefusals, 404: refusals[404] },
      },
    },
    async (request) => {
      const { name } = request.params;
      await gate.change(() => tenants.set(name, request.body));
      return { name, ...request.body };
    },
  );
}
