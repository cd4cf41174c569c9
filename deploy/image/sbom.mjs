// sbom.mjs: writes what an image consists of, as CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), for scanners.
//
//   node sbom.mjs --root FOLDER [--tree FOLDER] [--lockfile FILE] --version V --revision R --epoch SECONDS [--out FILE]
//
// Packages of npm are those in the tree's node_modules (/sandpiper of the root); each must be in the lockfile. Debian's
// are those of this machine that own a file in the root. By default the result goes into the root, beside the copyright
// notices of Debian's packages and their records, which some scanners read instead.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    root: { type: 'string' },
    tree: { type: 'string' },
    lockfile: { type: 'string' },
    version: { type: 'string' },
    revision: { type: 'string' },
    epoch: { type: 'string' },
    out: { type: 'string' },
  },
});
const { root, tree = join(root, 'sandpiper'), version, revision, epoch } = values;
const lockfile = values.lockfile ?? fileURLToPath(new URL('pnpm-lock.yaml', import.meta.url));

const hash = (algorithm, data) => createHash(algorithm).update(data).digest('hex');
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** SHA-512 by `name@version`: the lines below `packages:` of the lockfile, which pnpm writes in one form. */
function lockedHashes() {
  const text = readFileSync(lockfile, 'utf8');
  const chapter = /^packages:\n(.*?)^snapshots:/ms.exec(text)?.[1] ?? '';
  const entries = chapter.matchAll(
    /^ {2}'?([^'\s]+@[^':]+)'?:\n {4}resolution: \{integrity: sha512-([^},]+)/gm,
  );
  return new Map([...entries].map(([, id, base64]) => [id, Buffer.from(base64, 'base64').toString('hex')]));
}

/** Folders of packages in node_modules/.pnpm; links there lead to other packages of the same list. */
function* packageFolders() {
  const store = join(tree, 'node_modules/.pnpm');
  for (const entry of readdirSync(store)) {
    const modules = join(store, entry, 'node_modules');
    if (entry === 'node_modules' || !existsSync(modules)) continue;
    for (const { name, isScope, folder } of foldersIn(modules)) {
      if (!isScope) yield folder;
      else for (const scoped of foldersIn(join(modules, name))) yield scoped.folder;
    }
  }
}

const foldersIn = (parent) =>
  readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ name, isScope: name.startsWith('@'), folder: join(parent, name) }));

function npmComponents() {
  const locked = lockedHashes();
  const components = new Map();
  for (const folder of packageFolders()) {
    const manifest = readJson(join(folder, 'package.json'));
    const id = `${manifest.name}@${manifest.version}`;
    const digest = locked.get(id);
    if (digest === undefined) throw new Error(`${id} is in ${folder} and not in ${lockfile}`);
    components.set(id, npmComponent(manifest, digest));
  }
  return [...components.values()];
}

function npmComponent({ name, version: ofPackage, license, description }, digest) {
  // https://github.com/package-url/purl-spec: the @ of a scope is escaped, its slash is not.
  const purl = `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(ofPackage)}`;
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version: ofPackage,
    ...(description ? { description } : {}),
    hashes: [{ alg: 'SHA-512', content: digest }],
    ...(typeof license === 'string' ? { licenses: [licenseOf(license)] } : {}),
    purl,
  };
}

/** An identifier such as MIT, an expression such as (MIT OR CC0-1.0), or a text. */
function licenseOf(text) {
  if (/^[A-Za-z0-9.-]+$/.test(text)) return { license: { id: text } };
  return / (OR|AND) /.test(text) ? { expression: text } : { license: { name: text } };
}

/** Without links, by their paths in the root, such as /usr/lib/x86_64-linux-gnu/libc.so.6. */
function filesOf(folder, path = '') {
  return readdirSync(join(folder, path), { withFileTypes: true }).flatMap((entry) => {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) return filesOf(folder, below);
    return entry.isFile() ? [below] : [];
  });
}

/** Some packages still name their files by /lib, which is a link to /usr/lib. */
const merged = (path) => path.replace(/^\/(bin|lib|lib64|sbin)\//, '/usr/$1/');

/** Name of a package -> whether it owns a file in the root, by dpkg's lists of this machine. */
function debianPackages() {
  const files = new Set(filesOf(root).map(merged));
  const folder = '/var/lib/dpkg/info';
  return readdirSync(folder)
    .filter((name) => name.endsWith('.list'))
    .filter((name) =>
      readFileSync(join(folder, name), 'utf8')
        .split('\n')
        .some((path) => files.has(merged(path))),
    )
    .map((name) => basename(name, '.list'))
    .sort();
}

const DPKG_FIELDS = [
  'Package',
  'Version',
  'Architecture',
  'source:Package',
  'source:Version',
  'binary:Summary',
];

function debianComponents(packages) {
  const { VERSION_ID = '', ID = 'debian' } = osRelease();
  const format = `${DPKG_FIELDS.map((field) => `\${${field}}`).join('\t')}\n`;
  const told = execFileSync('dpkg-query', ['--show', `--showformat=${format}`, ...packages], {
    encoding: 'utf8',
  });
  return told
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [name, ofPackage, architecture, source, sourceVersion, description] = line.split('\t');
      const id = `${encodeURIComponent(name)}@${encodeURIComponent(ofPackage)}`;
      const purl = `pkg:deb/${ID}/${id}?arch=${architecture}&distro=${ID}-${VERSION_ID}`;
      return {
        type: 'library',
        'bom-ref': purl,
        name,
        version: ofPackage,
        description,
        purl,
        properties: [{ name: 'sandpiper:debian:source', value: `${source} ${sourceVersion}` }],
      };
    });
}

function osRelease() {
  const lines = readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}

/** Node.js, where it is no package of Debian. */
function nodeComponent() {
  const file = join(root, 'usr/local/bin/node');
  if (!existsSync(file)) return [];
  const ofNode = execFileSync(file, ['--version'], { encoding: 'utf8' }).trim().slice(1);
  return [
    {
      type: 'platform',
      'bom-ref': `pkg:generic/node@${ofNode}`,
      name: 'node',
      version: ofNode,
      hashes: [{ alg: 'SHA-256', content: hash('sha256', readFileSync(file)) }],
      licenses: [{ license: { id: 'MIT' } }],
      cpe: `cpe:2.3:a:nodejs:node.js:${ofNode}:*:*:*:*:*:*:*`,
      purl: `pkg:generic/node@${ofNode}`,
    },
  ];
}

/** Their licences ask for the notices. /var/lib/dpkg/status.d has a package's record in a file of its own. */
function copyNotices(packages) {
  const records = join(root, 'var/lib/dpkg/status.d');
  mkdirSync(records, { recursive: true });
  for (const name of packages.map((one) => one.replace(/:.*/, ''))) {
    const notice = `/usr/share/doc/${name}/copyright`;
    mkdirSync(join(root, dirname(notice)), { recursive: true });
    if (existsSync(notice)) cpSync(notice, join(root, notice), { dereference: true });
    writeFileSync(join(records, name), execFileSync('dpkg-query', ['--status', name]));
  }
}

/** As random as the contents, so that two builds of a commit have the same one (RFC 9562, version 8). */
function uuidOf(digest) {
  const part = (from, to) => digest.slice(from, to);
  return `${part(0, 8)}-${part(8, 12)}-8${part(13, 16)}-8${part(17, 20)}-${part(20, 32)}`;
}

const byReference = (one, other) => (one['bom-ref'] < other['bom-ref'] ? -1 : 1);
const debian = debianPackages();
const components = [...npmComponents(), ...debianComponents(debian), ...nodeComponent()].sort(byReference);
const bom = {
  $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  serialNumber: `urn:uuid:${uuidOf(hash('sha256', JSON.stringify([version, revision, components])))}`,
  version: 1,
  metadata: {
    timestamp: new Date(Number(epoch) * 1000).toISOString(),
    component: {
      type: 'container',
      'bom-ref': 'sandpiper',
      name: 'sandpiper',
      version,
      licenses: [{ license: { id: 'MIT' } }],
      properties: [{ name: 'sandpiper:revision', value: revision }],
    },
  },
  components,
};
const out = values.out ?? join(root, 'usr/share/sandpiper/sbom.cdx.json');
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify(bom, null, 1)}\n`);
if (values.out === undefined) copyNotices(debian);
process.stdout.write(`${out}: ${components.length} components\n`);
