import { createHmac } from 'node:crypto';

/** The secret that a tenant checks callbacks by: of the service's own one and its name, so none is stored. */
export const tenantSecret = (serviceSecret: string, tenant: string): string =>
  createHmac('sha256', serviceSecret).update(tenant).digest('hex');

/**
 * The value of `Sandpiper-Signature`: the time stands in what is signed, so that a call which somebody
 * recorded is old.
 * @param secret its text is the key. @param unixSeconds when this attempt is sent
 */
export function signatureOf(secret: string, body: string, unixSeconds: number): string {
  const hex = createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex');
  return `t=${unixSeconds},v1=${hex}`;
}
