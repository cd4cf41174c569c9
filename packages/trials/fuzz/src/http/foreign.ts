import type { Random } from '../random.js';

/** Names of other hosts, some of them written to look like this one. */
const FOREIGN_HOSTS = [
  'evil.example',
  'evil.example:80',
  'localhost.evil.example',
  '127.0.0.1.evil.example:8080',
  'localhost@evil.example',
  '169.254.169.254',
  '10.0.0.1',
  '[2001:db8::1]:80',
  'xn--lcalhost-n1a',
  '127.0.0.1, evil.example',
];

/** Names of this host, as a client may write them. */
const OWN_HOSTS = ['localhost', 'LOCALHOST:80', '127.0.0.1', '127.0.0.1:1', '[::1]:8080'];

const FOREIGN_ORIGINS = [
  'http://evil.example',
  'https://localhost.evil.example',
  'null',
  'http://127.0.0.1.evil.example:8080',
  'file://',
];

/** Headers that a proxy adds: then clients other than this host can reach the server. */
const FORWARDED: readonly [string, string][] = [
  ['forwarded', 'for=192.0.2.43;proto=http;host=evil.example'],
  ['forwarded', 'for="[2001:db8::17]:4711"'],
  ['x-forwarded-for', '203.0.113.195'],
  ['x-forwarded-for', '127.0.0.1'],
  ['x-forwarded-host', 'evil.example'],
  ['x-real-ip', '203.0.113.195'],
  ['via', '1.1 proxy'],
];

export interface ForeignHeaders {
  readonly headers: Record<string, string>;
  /** Whether they show that the request comes from elsewhere, as far as a server must notice. */
  readonly isForeign: boolean;
}

const oneOf = <T>(random: Random, values: readonly T[]): T => values[random.below(values.length)] as T;

/** Headers that name the target and the origin of a request. */
export function foreignHeaders(random: Random): ForeignHeaders {
  switch (random.below(5)) {
    case 0:
      return { headers: { host: oneOf(random, FOREIGN_HOSTS) }, isForeign: true };
    case 1:
      return { headers: { host: oneOf(random, OWN_HOSTS) }, isForeign: false };
    case 2:
      return { headers: { origin: oneOf(random, FOREIGN_ORIGINS) }, isForeign: true };
    case 3: {
      const [name, value] = oneOf(random, FORWARDED);
      return {
        headers: { [name]: value },
        isForeign: name === 'forwarded' || name.startsWith('x-forwarded-'),
      };
    }
    default:
      return { headers: { host: '', origin: 'x'.repeat(random.below(9000)) }, isForeign: false };
  }
}
