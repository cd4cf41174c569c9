import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ALLOCATOR_ENV } from '../src/index.js';

const textOf = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../../${path}`, import.meta.url)), 'utf8');

describe("the allocator's variables", () => {
  it.each(['deploy/Dockerfile', 'docs/operating.md'])('are also set by %s', (path) => {
    const settings = Object.entries(ALLOCATOR_ENV).map(([name, value]) => `${name}=${value}`);
    for (const setting of settings) expect(textOf(path)).toContain(setting);
  });
});
