import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Paths of PEM files. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * A certificate for `localhost` and 127.0.0.1, for servers and clients, from its own authority: by openssl.
 */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const at = (name: string): string => join(folder, name);
  const [ca, caKey, cert, key] = [at('ca.crt'), at('ca.key'), at('redis.crt'), at('redis.key')];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = ['-subj', '/CN=Sandpiper test authority', '-days', '2', '-keyout', caKey, '-out', ca];
  await run('openssl', ['req', '-x509', ...newKey, ...authority]);
  await run('openssl', ['req', ...newKey, '-subj', '/CN=localhost', '-keyout', key, '-out', at('redis.csr')]);
  await writeFile(at('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  const signer = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2', '-extfile', at('names')];
  await run('openssl', ['x509', '-req', '-in', at('redis.csr'), ...signer, '-out', cert]);
  return { ca, cert, key };
}

/** Lines of a redis.conf: a port, TLS-only where there are certificates, which clients must have too. */
export function portSettings(port: number, certificates: Certificates | undefined): Record<string, string> {
  if (certificates === undefined) return { port: String(port) };
  return {
    port: '0',
    'tls-port': String(port),
    'tls-cert-file': certificates.cert,
    'tls-key-file': certificates.key,
    'tls-ca-cert-file': certificates.ca,
    'tls-auth-clients': 'yes',
    'tls-replication': 'yes',
  };
}

/** Its ioredis options. */
export function clientTls(certificates: Certificates | undefined) {
  if (certificates === undefined) return {};
  const { ca, cert, key } = certificates;
  return { tls: { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) } };
}

/** The environment variables of a service that uses it. */
export function tlsVariables(certificates: Certificates | undefined) {
  if (certificates === undefined) return {};
  const { ca, cert, key } = certificates;
  return { SANDPIPER_REDIS_CA: ca, SANDPIPER_REDIS_CERT: cert, SANDPIPER_REDIS_KEY: key };
}
