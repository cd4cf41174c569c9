import { SyscallError } from '@sandpiper/abi';
import { FileInode, GUEST_UID, type NameSpace } from '@sandpiper/vfs';
import { CERTIFICATES, NO_CERTIFICATES } from './certificates.js';
import type { HostMount, KernelOptions } from '../types.js';

/** The name of the guest's machine. */
export const HOST_NAME = 'sandpiper';

const ZONES = '/usr/share/zoneinfo';

/** Places outside its folder where a guest may create files: hier(7), shm_overview(7). */
export const COMMON_FOLDERS: readonly string[] = ['/tmp', '/dev/shm'];
const COMMON_PERMISSIONS = 0o1777;

/** A path as the tree has it: its bytes in UTF-8, as a latin1 string. */
export const latin1Of = (path: string): string => Buffer.from(path).toString('latin1');

/**
 * The files and folders of an ordinary system, as far as a guest has them; most of them are laid out when the guest
 * looks there. Before its own files are placed.
 */
export function placeSurroundings(space: NameSpace, options: KernelOptions): void {
  const { inRoot, byFolder } = placesOf(options.hostMounts);
  mountAll(space, inRoot);
  for (const [folder, mounts] of byFolder) space.layOutLater(folder, () => mountAll(space, mounts));
  space.layOutLater('etc', () => placeEtc(space, options, byFolder.get('etc') ?? []));
  space.layOutLater('dev', () => placeDev(space));
  space.makeDirectories('/tmp', true, COMMON_PERMISSIONS);
  space.makeDirectories(latin1Of(options.cwd), true);
  mountAll(space, options.mounts ?? []);
}

interface Places {
  readonly inRoot: readonly HostMount[];
  /** By the folder of the root that they are below. */
  readonly byFolder: ReadonlyMap<string, readonly HostMount[]>;
}

/** All runs of an interpreter have the same mounts. */
const known = new WeakMap<readonly HostMount[], Places>();

function placesOf(mounts: readonly HostMount[]): Places {
  let places = known.get(mounts);
  if (places !== undefined) return places;
  const inRoot: HostMount[] = [];
  const byFolder = new Map<string, HostMount[]>();
  for (const mount of mounts) {
    const [, folder = '', ...below] = latin1Of(mount.path).split('/');
    const list = below.length === 0 ? inRoot : (byFolder.get(folder) ?? []);
    list.push(mount);
    if (list !== inRoot) byFolder.set(folder, list);
  }
  places = { inRoot, byFolder };
  known.set(mounts, places);
  return places;
}

function mountAll(space: NameSpace, mounts: readonly HostMount[]): void {
  for (const mount of mounts) space.mountHost(latin1Of(mount.path), mount.host, mount);
}

function placeDev(space: NameSpace): void {
  space.placeDevices();
  space.makeDirectories('/dev/shm', true, COMMON_PERMISSIONS);
  for (const [name, target] of Object.entries({ fd: '', stdin: '/0', stdout: '/1', stderr: '/2' })) {
    space.placeLink(`/dev/${name}`, `/proc/self/fd${target}`);
  }
}

function placeEtc(space: NameSpace, { cwd, env }: KernelOptions, mounts: readonly HostMount[]): void {
  // Where the host has certificates, its folder replaces this one.
  space.placeFile(CERTIFICATES, Buffer.from(NO_CERTIFICATES), false);
  mountAll(space, mounts);
  const text = (path: string, content: string) => space.placeFile(path, Buffer.from(content), false);
  text(
    '/etc/passwd',
    `root:x:0:0:root:/root:/bin/false\nuser:x:${GUEST_UID}:${GUEST_UID}:user:${cwd}:/bin/false\n`,
  );
  text('/etc/group', `root:x:0:\nuser:x:${GUEST_UID}:\n`);
  text('/etc/hostname', `${HOST_NAME}\n`);
  space.placeLink('/etc/localtime', zoneOf(space, env['TZ']));
}

/** The time zone that TZ names (tzset(3)), UTC without one. Where the host has no such file, the link leads nowhere. */
function zoneOf(space: NameSpace, zone = ''): string {
  const named = `${ZONES}/${zone.replace(/^:/, '')}`;
  return zone !== '' && isFile(space, named) ? named : `${ZONES}/Etc/UTC`;
}

function isFile(space: NameSpace, path: string): boolean {
  try {
    return space.resolve(latin1Of(path), space.rootLocation, true).inode instanceof FileInode;
  } catch (error) {
    if (error instanceof SyscallError) return false;
    throw error;
  }
}
