import { SyscallError } from '@sandpiper/abi';
import { FileInode, GUEST_UID, type NameSpace } from '@sandpiper/vfs';
import { CERTIFICATES, NO_CERTIFICATES } from './certificates.js';
import type { KernelOptions } from '../types.js';

/** The name of the guest's machine. */
export const HOST_NAME = 'sandpiper';

const ZONES = '/usr/share/zoneinfo';

/** Places outside its folder where a guest may create files: hier(7), shm_overview(7). */
export const COMMON_FOLDERS: readonly string[] = ['/tmp', '/dev/shm'];

/** A path as the tree has it: its bytes in UTF-8, as a latin1 string. */
export const latin1Of = (path: string): string => Buffer.from(path).toString('latin1');

/** The files and folders of an ordinary system, as far as a guest has them. Before its own files are placed. */
export function placeSurroundings(space: NameSpace, options: KernelOptions): void {
  for (const folder of COMMON_FOLDERS) space.makeDirectories(folder, true, 0o1777);
  space.makeDirectories(latin1Of(options.cwd), true);
  space.placeDevices();
  // Where the host has certificates, its folder replaces this one.
  space.placeFile(CERTIFICATES, Buffer.from(NO_CERTIFICATES), false);
  for (const mount of options.hostMounts) space.mountHost(latin1Of(mount.path), mount.host, mount);
  const text = (path: string, content: string) => space.placeFile(path, Buffer.from(content), false);
  text(
    '/etc/passwd',
    `root:x:0:0:root:/root:/bin/false\nuser:x:${GUEST_UID}:${GUEST_UID}:user:${options.cwd}:/bin/false\n`,
  );
  text('/etc/group', `root:x:0:\nuser:x:${GUEST_UID}:\n`);
  text('/etc/hostname', `${HOST_NAME}\n`);
  space.placeLink('/etc/localtime', zoneOf(space, options.env['TZ']));
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
