import { existsSync } from 'node:fs';
import type { HostMount } from '../types.js';

/** Where Debian's OpenSSL and PyPy look for certificates, in this order. */
const OPENSSL = '/usr/lib/ssl';
const FOLDER = '/etc/ssl/certs';
export const CERTIFICATES = `${FOLDER}/ca-certificates.crt`;

/**
 * What a guest finds there on a host that has no certificates: a revocation list that nobody signed, with nothing in
 * it. `ssl.create_default_context()` fails when the file is missing, and also when it holds nothing at all.
 */
export const NO_CERTIFICATES = `-----BEGIN X509 CRL-----
MGAwRwIBATAKBggqhkjOPQQDAjAnMSUwIwYDVQQDDBxubyBjZXJ0aWZpY2F0ZXMg
b24gdGhpcyBob3N0Fw03MDAxMDEwMDAwMDBaMAoGCCqGSM49BAMCAwkAMAYCAQEC
AQE=
-----END X509 CRL-----
`;

/**
 * The certificates of public authorities that the host trusts: links in OpenSSL's folder lead to those in the second,
 * which lead to the third. Private keys and OpenSSL's configuration are not shown.
 */
export function certificateMounts(): HostMount[] {
  if (!existsSync(CERTIFICATES)) return [];
  const same = (path: string) => ({ host: path, path });
  return [
    { ...same(OPENSSL), only: ['cert.pem', 'certs'] },
    same(FOLDER),
    same('/usr/share/ca-certificates'),
  ];
}
