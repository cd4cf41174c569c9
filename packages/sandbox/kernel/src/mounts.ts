import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import type { AddedText } from '@sandpiper/vfs';
import { certificateMounts } from './surroundings/certificates.js';
import { FIND_LIBRARY } from './surroundings/find-library.js';
import { siteCustomize } from './surroundings/last-words.js';
import type { HostMount } from './types.js';

/** Where the files of an interpreter are. */
export interface InterpreterPlace {
  /** A folder of the host that holds a whole file system, of which the interpreter is a part; null: the host's own. */
  readonly root: string | null;
  /** In the root. */
  readonly program: string;
  /** Folders of the host with modules, which the guest finds on `sys.path` behind all others. */
  readonly libraries: readonly string[];
}

/** What an {@link InterpreterPlace} turned out to be. */
export interface InterpreterFiles {
  /** The program on the host; within a root, without links. */
  readonly executable: string;
  /** The folder of the standard library, as the guest sees it. */
  readonly library: string;
  /** Where the guest sees its further folders of modules. */
  readonly libraries: readonly string[];
  readonly mounts: readonly HostMount[];
}

/** There is no interpreter at this place, or it lacks a part. The message is one line and names the path. */
export class InterpreterPlaceError extends Error {
  override readonly name = 'InterpreterPlaceError';
}

const SHARED_OBJECTS = '/usr/lib/x86_64-linux-gnu';
const ALTERNATIVES = '/etc/alternatives';
/** Linux follows as many: path_resolution(7). */
const MAX_LINKS = 40;

/**
 * What an interpreter needs of the host, read-only. Of the host's own files: its program and library, the shared objects
 * that its modules load, the loader's cache, the time zones and the certificates of public authorities; nothing else of
 * /etc, nothing of /home or /proc. Of a root: its programs and libraries.
 * @throws InterpreterPlaceError
 */
export function interpreterFiles({ root, program, libraries }: InterpreterPlace): InterpreterFiles {
  const real = realIn(root, program);
  const library = libraryOf(root, program, real);
  const surroundings = root === null ? [...sharedObjects(), ...COMMON, ...certificateMounts()] : [];
  const own = (added: Readonly<Record<string, AddedText>>) =>
    root === null
      ? [...ofHost({ program, real, library, libraries }, added), ...surroundings]
      : ofRoot(root, library, added);
  const points = own({}).map((mount) => mount.path);
  const shown = libraries.map((host, i) => ({ host, path: libraryPath(root, host, i, points) }));
  const paths = shown.map(({ path }) => path);
  const isCovered = ({ path }: HostMount) => points.some((point) => isIn(path, point));
  return {
    executable: root === null ? program : hostPath(root, real),
    library,
    libraries: paths,
    mounts: [...own(addedTo(paths)), ...shown.filter((mount) => !isCovered(mount))],
  };
}

/** The folders of the host from which a guest of this place imports modules. @throws InterpreterPlaceError */
export function moduleFolders({ root, program, libraries }: InterpreterPlace): readonly string[] {
  const library = libraryOf(root, program, realIn(root, program));
  const own = [library, join(library, 'site-packages'), ...(root === null ? [] : DEBIANS)];
  return [...own.map((folder) => hostPath(root, folder)), ...libraries];
}

/** Where Debian's packages put modules for every Python 3; of the host's, programs see only what is named. */
const DEBIANS = ['/usr/lib/python3/dist-packages'];

/**
 * There, below the standard library, they put parts of modules for one Python 3. Where the others are not shown, such a
 * part could be imported as an empty package.
 */
const DEBIANS_OF_ONE = ['dist-packages'];

/** A path of the root as one of the host. */
export function hostPath(root: string | null, path: string): string {
  return root === null ? path : join(root, path);
}

/** Follows all links within the root. @throws InterpreterPlaceError where nothing is there */
export function realIn(root: string | null, path: string): string {
  let links = 0;
  const parts = path.split('/').filter((part) => part !== '');
  let real = '/';
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const next = posix.join(real, part);
    const target = linkAt(hostPath(root, next), path);
    if (target === null) {
      real = next;
      continue;
    }
    if (++links > MAX_LINKS) throw new InterpreterPlaceError(`${hostPath(root, path)}: too many links`);
    if (target.startsWith('/')) real = '/';
    parts.unshift(...target.split('/').filter((word) => word !== ''));
  }
  return real;
}

function linkAt(path: string, whole: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    throw new InterpreterPlaceError(`${path}: no such file${path.endsWith(whole) ? '' : ` (of ${whole})`}`);
  }
}

/** The folder below the program's prefix that holds the standard library, as its `os.py` tells. */
function libraryOf(root: string | null, program: string, real: string): string {
  const name = basename(real);
  const prefixes = [dirname(dirname(real)), dirname(dirname(program))];
  for (const prefix of prefixes) {
    for (const library of [join(prefix, 'lib', name), join(prefix, 'lib-python', '3')])
      if (existsSync(hostPath(root, join(library, 'os.py')))) return realIn(root, library);
    const folder = hostPath(root, join(prefix, 'lib'));
    const found = (existsSync(folder) ? readdirSync(folder) : []).filter(
      (entry) => /^(python|pypy)3\.\d+$/.test(entry) && existsSync(join(folder, entry, 'os.py')),
    );
    if (found.length === 1) return realIn(root, join(prefix, 'lib', found[0] ?? ''));
  }
  throw new InterpreterPlaceError(
    `${hostPath(root, program)}: its standard library is not found: there is no lib/${name} in ${hostPath(root, prefixes[0] ?? '')}`,
  );
}

/** Whether a path is a folder or in it. */
const isIn = (path: string, folder: string): boolean => `${path}/`.startsWith(`${folder}/`);

/**
 * Debian's folders of modules stay where their programs expect them; any other hides where it is on the host, and so does
 * one in which something else is mounted.
 */
function libraryPath(root: string | null, host: string, index: number, points: readonly string[]): string {
  const stays = root === null && host.startsWith('/usr/') && !points.some((point) => isIn(point, host));
  return stays ? host : `/libraries/${index}`;
}

/** Text that the guest finds in files of the standard library, by their paths in it. */
function addedTo(libraries: readonly string[]): Readonly<Record<string, AddedText>> {
  return {
    'ctypes/util.py': { after: FIND_LIBRARY },
    'sitecustomize.py': { after: siteCustomize(libraries), creates: true },
  };
}

function same(path: string): HostMount {
  return { host: path, path };
}

const COMMON: readonly HostMount[] = [
  same('/etc/ld.so.cache'),
  same('/usr/share/zoneinfo'),
  // without it setlocale(3) knows no UTF-8, and Python falls back to its UTF-8 mode
  same('/usr/lib/locale/C.utf8'),
  // an interactive interpreter looks up its terminal, and complains where it finds no entry
  same('/usr/lib/terminfo'),
  // without it no Tcl interpreter starts, which needs no screen
  same('/usr/share/tcltk'),
  // links to usr/lib and usr/lib64, which the guest's own path walk follows
  same('/lib'),
  same('/lib64'),
];

interface FilesOfHost {
  readonly program: string;
  readonly real: string;
  readonly library: string;
  readonly libraries: readonly string[];
}

/** `pypy3` is a link to, say, `pypy3.9`. What is installed below a prefix of its own is shown with all of the prefix. */
function ofHost(
  { program, real, library, libraries }: FilesOfHost,
  added: Readonly<Record<string, AddedText>>,
): HostMount[] {
  const prefix = dirname(dirname(real));
  if (prefix === '/usr' || prefix === '/') {
    const hidden = DEBIANS_OF_ONE.filter(
      (name) => !libraries.some((host) => isIn(host, join(library, name))),
    );
    return [...new Set([program, real])].map(same).concat({ ...same(library), added, hidden });
  }
  const links = program.startsWith(`${prefix}/`) ? [] : [same(program)];
  return [...links, { ...same(prefix), added: below(posix.relative(prefix, library), added) }];
}

function below(folder: string, added: Readonly<Record<string, AddedText>>): Record<string, AddedText> {
  return Object.fromEntries(Object.entries(added).map(([path, text]) => [posix.join(folder, path), text]));
}

/** Folders of a root that the guest's own take the place of, or that hold nothing that a program needs. */
const NOT_OF_ROOT = new Set(
  'boot box dev etc home media mnt proc root run srv sys tmp var lost+found'.split(' '),
);
const ETC_OF_ROOT = ['alternatives', 'ld.so.cache', 'mime.types', 'ssl/certs'];

/** The folders of a root, but for those that the virtual kernel makes. */
function ofRoot(root: string, library: string, added: Readonly<Record<string, AddedText>>): HostMount[] {
  const [, top = '', ...rest] = library.split('/');
  const folders = readdirSync(root).filter((name) => !NOT_OF_ROOT.has(name));
  return [
    ...folders.map((name) => ({
      host: join(root, name),
      path: `/${name}`,
      ...(name === top ? { added: below(rest.join('/'), added) } : {}),
    })),
    ...ETC_OF_ROOT.filter((name) => existsSync(join(root, 'etc', name))).map((name) => ({
      host: join(root, 'etc', name),
      path: `/etc/${name}`,
    })),
  ];
}

/**
 * Shared objects only, by name: the folder of libraries holds much that guests do not need. Some are links by way of
 * /etc/alternatives into a folder below, such as those of BLAS: so are these shown.
 */
function sharedObjects(): HostMount[] {
  if (!existsSync(SHARED_OBJECTS)) return [];
  const only = sharedIn(SHARED_OBJECTS);
  const alternatives = existsSync(ALTERNATIVES)
    ? readdirSync(ALTERNATIVES).filter((name) => isShared(name.replace(/-x86_64-linux-gnu$/, '')))
    : [];
  const folders = new Set(
    alternatives.flatMap((name) => {
      const folder = dirname(readlinkSync(join(ALTERNATIVES, name)));
      return dirname(folder) === SHARED_OBJECTS && existsSync(folder) ? [basename(folder)] : [];
    }),
  );
  return [
    { ...same(SHARED_OBJECTS), only: [...only, ...folders] },
    ...sharedIn('/usr/lib').map((name) => same(`/usr/lib/${name}`)),
    ...(folders.size === 0 ? [] : [{ ...same(ALTERNATIVES), only: alternatives }]),
  ];
}

const isShared = (name: string): boolean => /\.so(\.[0-9.]+)?$/.test(name);
const sharedIn = (folder: string): string[] => readdirSync(folder).filter(isShared);
