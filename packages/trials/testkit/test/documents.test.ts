import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** The folder of the workspace, wherever in it this file lies. */
function findTop(folder: string): string {
  return existsSync(join(folder, 'pnpm-workspace.yaml')) ? folder : findTop(dirname(folder));
}

const TOP = findTop(import.meta.dirname);
const read = (file: string): string => readFileSync(join(TOP, file), 'utf8');

/** Also pages that are new and not yet committed; a page that was deleted is not there to be read. */
function markdownFiles(): string[] {
  const args = ['-C', TOP, 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'];
  const files = execFileSync('git', args, { encoding: 'utf8' }).split('\0');
  return [...new Set(files)].filter((file) => file !== '' && existsSync(join(TOP, file)));
}

/** Code is not text: `[a](b)` in it is an index and a call. */
const withoutCode = (text: string): string => text.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, '');

/** Targets of links and pictures that are files of the repository, without their anchors. */
function relativeLinks(text: string): string[] {
  return [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^([a-z]+:|#)/.test(target))
    .map((target) => target.replace(/#.*$/, ''));
}

interface Manifest {
  readonly name: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Folders of our packages and services, each with what its package.json says. */
function workspaces(): [folder: string, manifest: Manifest][] {
  const args = ['-C', TOP, 'ls-files', '-z', 'packages/**/package.json', 'services/**/package.json'];
  const files = execFileSync('git', args, { encoding: 'utf8' }).split('\0');
  return files
    .filter((file) => file !== '' && existsSync(join(TOP, file)))
    .map((file) => [dirname(file), JSON.parse(read(file)) as Manifest]);
}

/** The packages of ours that stand in the paragraph of a README that begins so. */
function namesIn(readme: string, heading: string): string[] {
  const paragraph = readme.split('\n\n').find((text) => text.startsWith(`**${heading}`)) ?? '';
  return (paragraph.match(/@sandpiper\/[\w-]+/g) ?? []).sort();
}

describe('the README of each package', () => {
  it.each(workspaces())(
    '%s says what the package imports, and which packages import it',
    (folder, { name }) => {
      const readme = read(join(folder, 'README.md'));
      const importsOf = ({ dependencies = {} }: Manifest): string[] =>
        Object.keys(dependencies).filter((dependency) => dependency.startsWith('@sandpiper/'));
      const all = workspaces().map(([, manifest]) => manifest);
      const own = all.filter((manifest) => manifest.name === name).flatMap(importsOf);
      const users = all
        .filter((manifest) => importsOf(manifest).includes(name))
        .map((manifest) => manifest.name);
      expect(readme.startsWith(`# ${name}\n`)).toBe(true);
      expect(namesIn(readme, 'Imports')).toEqual(own.sort());
      expect(namesIn(readme, 'Imported by')).toEqual(users.sort());
    },
  );
});

describe('the documents', () => {
  it.each(markdownFiles())('%s links to files that exist', (file) => {
    const missing = relativeLinks(read(file)).filter((link) => !existsSync(join(TOP, dirname(file), link)));
    expect(missing).toEqual([]);
  });

  it('name files of packages that exist', () => {
    const folders = new Map(workspaces().map(([folder, { name }]) => [name, folder]));
    const text = markdownFiles().map(read).join('\n');
    const named = [...text.matchAll(/`(@sandpiper\/[\w-]+)(\/[\w./-]+)`/g)];
    const missing = named.filter(
      ([, name = '', path = '']) => !existsSync(join(TOP, folders.get(name) ?? '', path)),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(missing.map(([whole]) => whole)).toEqual([]);
  });

  it('are all in the index of docs/', () => {
    const listed = new Set(relativeLinks(read('docs/README.md')));
    const pages = readdirSync(join(TOP, 'docs'), { recursive: true, encoding: 'utf8' });
    // A link to a folder stands for every page in it.
    const isListed = (page: string): boolean => listed.has(page) || listed.has(`${dirname(page)}/`);
    const unlisted = pages.filter((page) => page.endsWith('.md') && page !== 'README.md' && !isListed(page));
    expect(unlisted).toEqual([]);
  });
});
