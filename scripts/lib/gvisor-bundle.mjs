// gvisor-bundle.mjs FOLDER TOP -- COMMAND...: an OCI bundle in FOLDER whose process has what a pod of the restricted Pod
// Security Standard has: user 1000, no capability, no new privileges, a read-only root with only /tmp to write to. The
// root is this machine's programs, and the checkout TOP at /sandpiper.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, top, , ...args] = process.argv.slice(2);
const root = join(folder, 'root');

const nothing = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };
const readOnly = (source, destination = source) => ({
  ...{ source, destination, type: 'bind', options: ['rbind', 'ro'] },
});
const temporary = (destination) => ({
  ...{ source: 'tmpfs', destination, type: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777'] },
});
const mounts = [
  { source: 'proc', destination: '/proc', type: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
  { source: 'sysfs', destination: '/sys', type: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { source: 'tmpfs', destination: '/dev', type: 'tmpfs' },
  temporary('/tmp'),
  readOnly('/usr'),
  readOnly('/etc'),
  readOnly(top, '/sandpiper'),
  // Vitest writes there, where it compiles its configuration.
  temporary('/sandpiper/node_modules/.vite-temp'),
];

for (const { destination } of mounts) {
  if (!destination.startsWith('/sandpiper/')) mkdirSync(join(root, destination), { recursive: true });
}
mkdirSync(join(top, 'node_modules/.vite-temp'), { recursive: true });
// As Debian has them since its merged /usr.
for (const name of ['bin', 'sbin', 'lib', 'lib64']) symlinkSync(`usr/${name}`, join(root, name));

const config = {
  ociVersion: '1.0.2',
  hostname: 'gvisor',
  root: { path: 'root', readonly: true },
  process: {
    args,
    cwd: '/sandpiper',
    user: { uid: 1000, gid: 1000 },
    capabilities: nothing,
    noNewPrivileges: true,
    rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 65536 }],
    env: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin',
      ...['HOME=/tmp', 'CI=true', 'NO_COLOR=1', 'TERM=dumb', 'MALLOC_MMAP_THRESHOLD_=262144'],
    ],
  },
  mounts,
  linux: { namespaces: ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type })) },
};
writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
