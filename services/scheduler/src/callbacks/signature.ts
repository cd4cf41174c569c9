import { createHmac } from 'node:crypto';

/**
 * The secret with which a tenant verifies callbacks: derived from the service secret and the tenant's name,
 * not stored.
 */
export const tenantSecret = (serviceSecret: string, tenant: string): string =>
  createHmac('sha256', serviceSecret).update(tenant).digest('hex');

/**
 * The value of `Sandpiper-Signature`: the signature covers the time, so that a receiver can reject replays.
 * @param secrets the text of each is a key; each signs, so that receivers can change over one by one
 * @param unixSeconds time of this attempt
 */
export function signatureOf(secrets: readonly string[], body: string, unixSeconds: number): string {
  const signatures = secrets.map((secret) =>
    createHmac('sha256', secret).update(`${unixSeconds}.${body}`).digest('hex'),
  );
  return [`t=${unixSeconds}`, ...signatures.map((hex) => `v1=${hex}`)].join(',');
}
