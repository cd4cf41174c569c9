import type { Random } from '../random.js';
import type { ApiOperation, Parameter, Schema } from './document.js';
import { foreignHeaders } from './foreign.js';
import { impossibleRun } from './impossible.js';
import { brokenJson, hostileText, spoil } from './sample.js';

/** A request as sent; kept as one line of JSON for a replay. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  /** latin1 */
  readonly body: string | null;
  /** `whole`; or in two pieces, or without its end. */
  readonly manner: 'whole' | 'slow' | 'half' | 'chunked';
  /** Why the server must refuse it; absent where it may accept. */
  readonly refused?: string;
}

export interface Maker {
  readonly random: Random;
  readonly sample: (schema: Schema) => unknown;
  /** Ids from the server, by the path that they belong to. */
  readonly ids: ReadonlyMap<string, readonly string[]>;
  /** Of all operations: what a request without a documented body may carry instead. */
  readonly bodies: readonly Schema[];
  /**
   * Accepted bodies, by the schema that they were made from: rules that a schema cannot express (this field
   * or that) are met by chance once, and remembered.
   */
  readonly accepted: ReadonlyMap<Schema, readonly unknown[]>;
  /** API keys; empty where the server asks for none. */
  readonly keys: readonly string[];
  readonly bodyLimit: number;
}

const CONTENT_TYPES = [
  'text/plain',
  'application/xml',
  'multipart/form-data',
  '',
  'application/json; charset=utf-16',
  'x',
];

/** A value that a parameter's schema may allow, as text; or an invalid one. */
function parameterText(maker: Maker, parameter: Parameter, base = ''): string {
  const { random } = maker;
  const ids = maker.ids.get(base) ?? [];
  const kind = random.below(10);
  if (parameter.in === 'path' && ids.length > 0 && kind < 8) return ids[random.below(ids.length)] as string;
  if (kind < 8) {
    const value = maker.sample(parameter.schema ?? {});
    return typeof value === 'string' ? value : JSON.stringify(value ?? '');
  }
  return hostileText(random);
}

/** `/v1/runs` of `/v1/runs/{id}/more`. */
export function baseOf(path: string): string {
  return path.split('/{', 1)[0] ?? path;
}

function encodePath(text: string, random: Random): string {
  // Sometimes unescaped: a space ends the request line, which the server's parser has to refuse.
  if (random.below(20) === 0)
    return Buffer.from(text)
      .toString('latin1')
      .replaceAll(/[\r\n]/g, '');
  try {
    return encodeURIComponent(text);
  } catch {
    return '%ED%A0%80'; // half of a pair of surrogates
  }
}

function pathOf(maker: Maker, operation: ApiOperation): string {
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    const parameter = operation.parameters.find((p) => p.in === 'path' && p.name === name);
    return encodePath(
      parameterText(maker, parameter ?? { name, in: 'path' }, baseOf(operation.path)),
      maker.random,
    );
  });
  const query = operation.parameters
    .filter((p) => p.in === 'query' && maker.random.below(3) === 0)
    .map((p) => `${encodeURIComponent(p.name)}=${encodePath(parameterText(maker, p), maker.random)}`);
  if (maker.random.below(15) === 0) query.push('__proto__=1', 'unknown=1', 'wait=1&wait=2');
  return query.length === 0 ? path : `${path}?${query.join('&')}`;
}

function headersOf(maker: Maker, operation: ApiOperation): Record<string, string> {
  const { random, keys } = maker;
  const headers: Record<string, string> = {};
  for (const p of operation.parameters) {
    if (p.in !== 'header' || random.below(2) === 0) continue;
    headers[p.name] = parameterText(maker, p).replaceAll(/[^\x20-\x7e]/g, '?');
  }
  const key =
    keys.length === 0 ? null : random.below(10) === 0 ? hostileText(random) : keys[random.below(keys.length)];
  if (typeof key === 'string' && random.below(30) > 0)
    headers['authorization'] = `Bearer ${key.replaceAll(/[^\x20-\x7e]/g, '?')}`;
  return headers;
}

/** What the schema allows; every other time with an error in it. */
function jsonLike(maker: Maker, schema: Schema): string {
  const { random } = maker;
  const accepted = maker.accepted.get(schema) ?? [];
  const known = accepted.length > 0 && random.below(3) > 0;
  let value = known ? accepted[random.below(accepted.length)] : maker.sample(schema);
  for (let times = Math.max(0, random.below(5) - 2); times > 0; times--) value = spoil(value, random);
  return JSON.stringify(value) ?? '';
}

/**
 * A line stream has no schema in the document, and other operations take no body: they get another
 * operation's.
 */
function undocumentedBody(maker: Maker, operation: ApiOperation): { type: string; bytes: Buffer } | null {
  const { random, bodies } = maker;
  if (bodies.length === 0 || random.below(operation.method === 'POST' ? 4 : 20) === 0) return null;
  if (operation.method !== 'POST' && random.below(20) > 0) return null;
  const lines = Array.from({ length: 1 + random.below(6) }, () =>
    jsonLike(maker, bodies[random.below(bodies.length)] as Schema),
  );
  const type = random.below(5) === 0 ? 'application/json' : 'application/x-ndjson';
  const one = lines[0] ?? '';
  // Mostly all of the same kind.
  const text = random.below(4) === 0 ? lines.join('\n') : lines.map(() => one).join('\n');
  return { type, bytes: Buffer.from(text) };
}

function bodyOf(maker: Maker, operation: ApiOperation): { type: string; bytes: Buffer } | null {
  const { random } = maker;
  if (operation.requestBody === null) return undocumentedBody(maker, operation);
  const types = Object.keys(operation.requestBody);
  const type = types[random.below(types.length)] ?? 'application/json';
  const schema = operation.requestBody[type]?.schema ?? {};
  const text = jsonLike(maker, schema);
  if (random.below(200) === 0)
    return { type, bytes: Buffer.alloc(maker.bodyLimit + random.below(5000), 0x20) };
  return { type, bytes: random.below(8) === 0 ? brokenJson(text, random) : Buffer.from(text) };
}

/** A request for a documented operation: mostly valid, or nearly. */
export function makeRequest(maker: Maker, operation: ApiOperation): WireRequest {
  const { random } = maker;
  if (operation.method === 'POST' && operation.path === '/v1/runs' && random.below(6) === 0) {
    return impossibleRequest(maker, operation);
  }
  const request = ordinaryRequest(maker, operation);
  if (random.below(12) > 0) return request;
  const { headers, isForeign } = foreignHeaders(random);
  // Without keys every client may do everything: so a page of another origin must not reach the server.
  const refused =
    isForeign && maker.keys.length === 0 ? { refused: 'it comes from elsewhere, without a key' } : {};
  return { ...request, headers: { ...request.headers, ...headers }, ...refused };
}

/** A run that no node could start. */
function impossibleRequest(maker: Maker, operation: ApiOperation): WireRequest {
  const { run, why } = impossibleRun(maker.random);
  return {
    method: operation.method,
    path: operation.path,
    headers: { ...headersOf(maker, operation), 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(run)).toString('latin1'),
    manner: 'whole',
    ...(why === null ? {} : { refused: why }),
  };
}

function ordinaryRequest(maker: Maker, operation: ApiOperation): WireRequest {
  const { random } = maker;
  const headers = headersOf(maker, operation);
  const body = bodyOf(maker, operation);
  if (body !== null)
    headers['content-type'] =
      random.below(15) === 0 ? (CONTENT_TYPES[random.below(CONTENT_TYPES.length)] as string) : body.type;
  const manner = random.below(60);
  return {
    method:
      random.below(40) === 0
        ? (['PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY'][random.below(5)] as string)
        : operation.method,
    path:
      random.below(60) === 0
        ? `/${encodeURIComponent('x'.repeat(random.below(3000)))}`
        : pathOf(maker, operation),
    headers,
    body: body === null ? null : body.bytes.toString('latin1'),
    manner: manner === 0 ? 'half' : manner === 1 ? 'slow' : manner < 5 ? 'chunked' : 'whole',
  };
}
