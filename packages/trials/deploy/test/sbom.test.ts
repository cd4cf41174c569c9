import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKOUT } from '../src/helm.js';

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
}

interface Bom {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp: string };
  readonly components: readonly Component[];
}

const require = createRequire(import.meta.url);
const TREE = fileURLToPath(CHECKOUT);
const LOCKFILE = join(TREE, 'pnpm-lock.yaml');
const COMMIT = ['--version', '0.1.0', '--revision', 'abc', '--epoch', '1796006395'];
/** A root of an image in small: two files of Debian's packages and one of nobody's. */
const root = mkdtempSync(join(tmpdir(), 'sandpiper-sbom-'));

function make(...more: string[]): { status: number | null; stderr: string; text: string } {
  const out = join(root, 'bom.json');
  const script = join(TREE, 'deploy/image/sbom.mjs');
  const args = [script, '--root', root, '--tree', TREE, '--lockfile', LOCKFILE, ...COMMIT, '--out', out];
  const { status, stderr } = spawnSync(process.execPath, [...args, ...more], { encoding: 'utf8' });
  return { status, stderr, text: status === 0 ? readFileSync(out, 'utf8') : '' };
}

/** CycloneDX's own schema, with those that it refers to. */
function schema(): ValidateFunction {
  const folder = join(dirname(require.resolve('@cyclonedx/cyclonedx-library/package.json')), 'res/schema');
  const load = (name: string): object =>
    JSON.parse(readFileSync(join(folder, `${name}.SNAPSHOT.schema.json`), 'utf8')) as object;
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs']) {
    ajv.addSchema(load(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  }
  return ajv.compile(load('bom-1.6'));
}

let text = '';
let bom: Bom;

beforeAll(() => {
  for (const file of ['/usr/bin/pypy3.9', '/usr/lib/x86_64-linux-gnu/libc.so.6']) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    copyFileSync(file, join(root, file));
  }
  writeFileSync(join(root, 'usr/bin/of-nobody'), '');
  const made = make();
  expect(made).toMatchObject({ status: 0, stderr: '' });
  text = made.text;
  bom = JSON.parse(text) as Bom;
}, 60_000);

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('the bill of materials of an image', () => {
  it("is valid by CycloneDX's schema", () => {
    const validate = schema();
    expect(validate(bom), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
  });

  it('has exactly the packages of npm that are installed here, with the hashes of the lockfile', () => {
    // pnpm names its folders NAME@VERSION, with + for the slash of a scope, and peers behind _.
    const folders = readdirSync(join(TREE, 'node_modules/.pnpm')).filter((name) => name.includes('@'));
    const installed = new Set(folders.map((name) => name.replace('+', '/').replace(/(@\d[^_]*)_.*/, '$1')));
    const npm = bom.components.filter(({ purl }) => purl.startsWith('pkg:npm/'));
    expect(new Set(npm.map(({ name, version }) => `${name}@${version}`))).toEqual(installed);
    const zod = npm.find(({ name }) => name === 'zod');
    const [digest] = zod?.hashes ?? [];
    const base64 = Buffer.from(digest?.content ?? '', 'hex').toString('base64');
    expect(readFileSync(LOCKFILE, 'utf8')).toContain(
      `  zod@${zod?.version}:\n    resolution: {integrity: sha512-${base64}}`,
    );
  });

  it('has exactly the packages of Debian that own a file of the root', () => {
    const debian = bom.components.filter(({ purl }) => purl.startsWith('pkg:deb/'));
    expect(debian.map(({ name }) => name)).toEqual(['libc6', 'pypy3']);
    const version = execFileSync('dpkg-query', ['--show', '--showformat=${Version}', 'pypy3'], {
      encoding: 'utf8',
    });
    expect(debian[1]?.version).toBe(version);
  });

  it('is the same each time, and another for another commit', () => {
    expect(make().text).toBe(text);
    const other = JSON.parse(make('--revision', 'def').text) as Bom;
    expect(other.serialNumber).not.toBe(bom.serialNumber);
    expect(bom.metadata.timestamp).toBe('2026-11-30T02:39:55.000Z');
  });

  it('is refused where a package is installed that the lockfile does not have', () => {
    const lockfile = join(root, 'lock.yaml');
    writeFileSync(lockfile, readFileSync(LOCKFILE, 'utf8').replace(/^ {2}zod@[^:]+:$/m, '  other@1.0.0:'));
    const { status, stderr } = make('--lockfile', lockfile);
    expect(status).toBe(1);
    expect(stderr).toMatch(/zod@\S+ is in \S+ and not in/);
  });
});
