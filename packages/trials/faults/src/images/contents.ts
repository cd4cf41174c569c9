import { readFileSync } from 'node:fs';
import { type Observation, none, figure, requirement } from '../observation.js';
import { attempt, docker } from './docker.js';
import { IMAGE } from './farm.js';

/** Bytes that the image may have. */
const MOST_BYTES = 250_000_000;

interface ImageFacts {
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly ExposedPorts?: unknown;
  };
}

interface Entry {
  readonly mode: string;
  readonly owner: string;
  readonly path: string;
}

const LABELS = ['title', 'description', 'version', 'revision', 'source', 'licenses'];
/** Programs that an intruder would look for. */
const TOOLS =
  /(^|\/)(sh|bash|dash|busybox|perl|apt|apt-get|dpkg|npm|npx|pnpm|gcc|cc|curl|wget|su|sudo|mount)$/;

/** What the image is made of: size, labels, user, and no file that should not be there. */
export async function contents(): Promise<Observation[]> {
  const [facts] = JSON.parse(await docker('image', 'inspect', IMAGE)) as [ImageFacts];
  const labels = facts.Config.Labels ?? {};
  const missing = LABELS.filter((name) => !labels[`org.opencontainers.image.${name}`]);
  const { version } = JSON.parse(
    readFileSync(new URL('../../../../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  const entries = await entriesOf();
  const named = (of: readonly Entry[]): string[] => of.map(({ mode, path }) => `${mode} ${path}`);
  const privileged = entries.filter(({ mode }) => /[sS]/.test(mode.slice(1)));
  const writable = entries.filter(({ mode, path }) => mode[0] !== 'l' && mode[8] === 'w' && path !== 'tmp/');
  const foreign = entries.filter(({ owner }) => owner !== '0/0');
  const tools = entries.filter(({ path }) => TOOLS.test(path));
  const shell = await attempt('docker', ['run', '--rm', '--network', 'none', IMAGE, 'sh', '-c', 'true']);
  return [
    requirement(
      'size of the image',
      `${(facts.Size / 1e6).toFixed(1)} MB, ${entries.length} files`,
      `at most ${MOST_BYTES / 1e6} MB`,
      facts.Size <= MOST_BYTES,
    ),
    requirement('its user', facts.Config.User, '1000:1000', facts.Config.User === '1000:1000'),
    none('labels that are missing', missing.length, missing),
    requirement(
      'its version',
      labels['org.opencontainers.image.version'] ?? '',
      version,
      labels['org.opencontainers.image.version'] === version,
    ),
    none('files with setuid or setgid', privileged.length, named(privileged)),
    none('files that everybody may write, beside /tmp', writable.length, named(writable)),
    none('files of others than root', foreign.length, named(foreign)),
    none('shells, package managers, compilers and the like', tools.length, named(tools)),
    requirement(
      'a shell in the image',
      shell.code === 127 ? 'none' : `exit code ${shell.code}`,
      'none',
      shell.code === 127,
    ),
    ...(await sbom()),
    figure('revision', labels['org.opencontainers.image.revision'] ?? ''),
  ];
}

/** Every file of its root, without those that the engine adds to a container. */
async function entriesOf(): Promise<Entry[]> {
  const container = await docker('create', IMAGE);
  try {
    const script = 'docker export "$1" | tar --list --verbose --numeric-owner';
    const { output } = await attempt('bash', ['-o', 'pipefail', '-c', script, 'list', container]);
    return output.split('\n').flatMap((line) => {
      const [, mode = '', owner = '', path = ''] = /^(\S+) (\S+) +\d+ \S+ \S+ (.*)$/.exec(line) ?? [];
      return path === '' ? [] : [{ mode, owner, path: path.replace(/ -> .*| link to .*/, '') }];
    });
  } finally {
    await docker('rm', container);
  }
}

async function sbom(): Promise<Observation[]> {
  const read = 'process.stdout.write(require("fs").readFileSync("/usr/share/sandpiper/sbom.cdx.json"))';
  const text = await docker('run', '--rm', '--network', 'none', IMAGE, 'node', '-e', read);
  const { components } = JSON.parse(text) as { components: readonly { readonly purl: string }[] };
  const count = (kind: string): number =>
    components.filter(({ purl }) => purl.startsWith(`pkg:${kind}/`)).length;
  const counts = ['npm', 'deb', 'generic'].map((kind) => `${count(kind)} ${kind}`).join(', ');
  const complete = count('npm') > 100 && count('deb') > 10 && count('generic') === 1;
  return [requirement('packages in its SBOM', counts, 'npm, Debian, and Node.js', complete)];
}
