import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseRedisLocation, redisEnvShape, redisSettings, type RedisEnv } from '../src/index.js';

describe('the URL of Redis', () => {
  it.each([
    ['/run/redis.sock', { kind: 'socket', path: '/run/redis.sock' }],
    ['redis://host', { kind: 'single', address: { host: 'host', port: 6379 }, db: 0 }],
    ['rediss://host:1/2', { kind: 'single', address: { host: 'host', port: 1 }, db: 2 }],
    ['redis://[::1]:7', { kind: 'single', address: { host: '::1', port: 7 }, db: 0 }],
    [
      'redis-sentinel://a,b:2/main/3',
      {
        kind: 'sentinel',
        sentinels: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 2 },
        ],
        master: 'main',
        db: 3,
      },
    ],
    ['rediss-cluster://a:1,b', { kind: 'cluster', nodes: [expect.anything(), { host: 'b', port: 6379 }] }],
  ])('%s', (url, topology) => {
    const location = parseRedisLocation(url);
    expect(location).toMatchObject({ topology, username: '', password: '' });
    expect(location.tls).toBe(url.startsWith('rediss'));
  });

  it('contains user and password, percent-encoded', () => {
    expect(parseRedisLocation('redis://me:p%40ss%3A@host')).toMatchObject({
      username: 'me',
      password: 'p@ss:',
    });
    expect(parseRedisLocation('redis-cluster://:secret@host')).toMatchObject({
      username: '',
      password: 'secret',
    });
  });

  it.each([
    'localhost',
    'http://host',
    'redis:///1',
    'redis://a,b',
    'redis://host:0',
    'redis://host:66000',
    'redis://host/one',
    'redis://host/1/2',
    'redis://host?family=6',
    'redis://%zz@host',
    'redis-sentinel://host',
    'redis-sentinel://host/main/1/2',
    'redis-sentinel://host/na me',
    'redis-cluster://host/1',
    'redis-cluster://a,',
    'redis-cluster://',
  ])('is refused: %s', (url) => {
    expect(() => parseRedisLocation(url)).toThrow(/^must [^\n]*$/);
  });
});

describe('the settings of Redis', () => {
  let folder: string;
  let path: (name: string) => string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sandpiper-test-'));
    path = (name) => join(folder, name);
    writeFileSync(path('password'), 'secret\n');
    writeFileSync(path('empty'), '\n');
    writeFileSync(path('pem'), '-----BEGIN CERTIFICATE-----\n');
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  const settings = (env: Partial<RedisEnv>) => redisSettings(z.object(redisEnvShape).parse(env));

  it('take the password from a file', () => {
    const env = { SANDPIPER_REDIS_USERNAME: 'me', SANDPIPER_REDIS_PASSWORD_FILE: path('password') };
    expect(settings(env)).toEqual({
      topology: { kind: 'single', address: { host: '127.0.0.1', port: 6379 }, db: 0 },
      credentials: { username: 'me', password: 'secret' },
      sentinelCredentials: { username: '', password: '' },
      tls: null,
    });
  });

  it('keep credentials for Sentinels and for Redis apart', () => {
    const env = {
      SANDPIPER_REDIS_URL: 'redis-sentinel://me:mine@a/main',
      SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE: path('password'),
    };
    expect(settings(env)).toMatchObject({
      credentials: { username: 'me', password: 'mine' },
      sentinelCredentials: { username: '', password: 'secret' },
    });
  });

  it('read certificates', () => {
    const [tls, pem] = ['rediss://host', path('pem')];
    expect(settings({ SANDPIPER_REDIS_URL: tls }).tls).toEqual({});
    const all = { SANDPIPER_REDIS_CA: pem, SANDPIPER_REDIS_CERT: pem, SANDPIPER_REDIS_KEY: pem };
    expect(Object.keys(settings({ SANDPIPER_REDIS_URL: tls, ...all }).tls ?? {})).toEqual([
      'ca',
      'cert',
      'key',
    ]);
  });

  it.each<[string, (at: (name: string) => string) => Partial<RedisEnv>]>([
    ['SANDPIPER_REDIS_PASSWORD_FILE', (at) => ({ SANDPIPER_REDIS_PASSWORD_FILE: at('missing') })],
    ['SANDPIPER_REDIS_PASSWORD_FILE', (at) => ({ SANDPIPER_REDIS_PASSWORD_FILE: at('empty') })],
    ['SANDPIPER_REDIS_USERNAME', () => ({ SANDPIPER_REDIS_USERNAME: 'me' })],
    [
      'SANDPIPER_REDIS_USERNAME',
      () => ({ SANDPIPER_REDIS_URL: 'redis://:secret@host', SANDPIPER_REDIS_USERNAME: 'me' }),
    ],
    ['SANDPIPER_REDIS_CA', (at) => ({ SANDPIPER_REDIS_CA: at('pem') })],
    [
      'SANDPIPER_REDIS_CA',
      (at) => ({ SANDPIPER_REDIS_URL: 'rediss://h', SANDPIPER_REDIS_CA: at('password') }),
    ],
    [
      'SANDPIPER_REDIS_CERT',
      (at) => ({ SANDPIPER_REDIS_URL: 'rediss://h', SANDPIPER_REDIS_CERT: at('pem') }),
    ],
    ['SANDPIPER_REDIS_KEY', (at) => ({ SANDPIPER_REDIS_URL: 'rediss://h', SANDPIPER_REDIS_KEY: at('pem') })],
    [
      'SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE',
      (at) => ({ SANDPIPER_REDIS_SENTINEL_PASSWORD_FILE: at('password') }),
    ],
  ])('with an impossible %s are refused in one line', (name, env) => {
    const made = env(path);
    expect(() => settings(made)).toThrow(new RegExp(`^${name}: [^\\n]+$`));
    expect(() => settings(made)).not.toThrow(/secret/);
  });
});
