import { createHmac } from 'node:crypto';

/**
 * The secret with which a tenant verifies callbacks: derived from the service secret and the tenant's name,
 * not stored.
 */
export const tenantSecret = (serviceSecret: string, tenant: string): string =>
  createHmac('sha256', serviceSecret).update(tenant).digest('hex');

/**
 * The value of `Sandpiper-Signature`: the signature covers the time, so that a receiver can reject replays.
 * @param secret its text is the key. @param unixSeconds time of this attempt
 */
export function signatureOf(secret: string, body: string, unixSeconds: number): string {
  const hex = createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex');
  return `t=${unixSeconds},v1=${hex}`;
}
