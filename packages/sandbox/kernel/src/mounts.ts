import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { certificateMounts } from './surroundings/certificates.js';
import { FIND_LIBRARY } from './surroundings/find-library.js';
import { SITE_CUSTOMIZE } from './surroundings/last-words.js';
import type { HostMount } from './types.js';

const LIBRARIES = '/usr/lib/x86_64-linux-gnu';

let mounts: readonly HostMount[] | null = null;

/**
 * What Debian's `pypy3` needs of the host, read-only: its own library, the shared objects that its modules
 * load, the loader's cache, the time zones and the certificates of public authorities. Nothing else of /etc, nothing
 * of /home or /proc.
 */
export function defaultHostMounts(): readonly HostMount[] {
  mounts ??= [
    ...interpreter(),
    ...sharedObjects(),
    same('/etc/ld.so.cache'),
    same('/usr/share/zoneinfo'),
    // without it setlocale(3) knows no UTF-8, and Python falls back to its UTF-8 mode
    same('/usr/lib/locale/C.utf8'),
    // an interactive interpreter looks up its terminal, and complains where it finds no entry
    same('/usr/lib/terminfo'),
    ...certificateMounts(),
    // links to usr/lib and usr/lib64, which the guest's own path walk follows
    same('/lib'),
    same('/lib64'),
  ];
  return mounts;
}

function same(path: string): HostMount {
  return { host: path, path };
}

/** `pypy3` is a link to, say, `pypy3.9`, whose library has the same name. */
function interpreter(): HostMount[] {
  const name = basename(realpathSync('/usr/bin/pypy3'));
  const library = {
    ...same(`/usr/lib/${name}`),
    added: {
      'ctypes/util.py': { after: FIND_LIBRARY },
      'sitecustomize.py': { after: SITE_CUSTOMIZE, creates: true },
    },
  };
  return [same('/usr/bin/pypy3'), same(`/usr/bin/${name}`), library];
}

/** Shared objects only, by name: the folder of libraries holds much that guests do not need. */
function sharedObjects(): HostMount[] {
  if (!existsSync(LIBRARIES)) return [];
  const only = readdirSync(LIBRARIES).filter((name) => /\.so(\.[0-9.]+)?$/.test(name));
  return [{ ...same(LIBRARIES), only }];
}
