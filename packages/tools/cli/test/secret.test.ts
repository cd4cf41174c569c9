import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { adminKey, callbackSecret, keptSecret } from '../src/embedded/secret.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sandpiper-test-'));
  vi.stubEnv('SANDPIPER_ADMIN_KEY', undefined);
  vi.stubEnv('SANDPIPER_CALLBACK_SECRET', undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

describe('a kept secret', () => {
  it('is made once, in a file that only this user can read', () => {
    const path = join(folder, 'secret');
    const secret = keptSecret(path);
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(keptSecret(path)).toBe(secret);
    expect(readFileSync(path, 'utf8').trim()).toBe(secret);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['secret']);
  });

  it('is what the file holds, with or without a line feed', () => {
    const path = join(folder, 'secret');
    for (const text of ['of an earlier version', 'of an earlier version\n']) {
      writeFileSync(path, text);
      expect(keptSecret(path)).toBe('of an earlier version');
    }
  });

  it('gives way to one of the environment, and leaves no file then', () => {
    vi.stubEnv('SANDPIPER_ADMIN_KEY', 'given key');
    vi.stubEnv('SANDPIPER_CALLBACK_SECRET', 'given secret');
    expect([adminKey(folder), callbackSecret(folder)]).toEqual(['given key', 'given secret']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('differs from file to file', () => {
    expect(adminKey(folder)).not.toBe(callbackSecret(folder));
    expect(readdirSync(folder).sort()).toEqual(['admin.key', 'callback-secret']);
  });
});
