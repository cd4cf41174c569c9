import { GUEST_PID, GUEST_UID, type KernelState } from './state.js';

/** A small and honest /proc: of the guest, never of the host. */
export function placeProc(state: KernelState): void {
  const { space, options } = state;
  const put = (path: string, text: string) => space.placeFile(path, Buffer.from(text), false, 0o444);
  const own = `/proc/${GUEST_PID}`;
  put(`${own}/cmdline`, options.argv.map((arg) => `${arg}\0`).join(''));
  put(`${own}/comm`, 'pypy3\n');
  put(
    `${own}/status`,
    [
      'Name:\tpypy3',
      'State:\tR (running)',
      `Tgid:\t${GUEST_PID}`,
      `Pid:\t${GUEST_PID}`,
      'PPid:\t1',
      `Uid:\t${GUEST_UID}\t${GUEST_UID}\t${GUEST_UID}\t${GUEST_UID}`,
      `Gid:\t${GUEST_UID}\t${GUEST_UID}\t${GUEST_UID}\t${GUEST_UID}`,
      'Threads:\t1',
      'NoNewPrivs:\t1',
      'Seccomp:\t2',
      '',
    ].join('\n'),
  );
  space.placeLink(`${own}/exe`, Buffer.from(options.executable).toString('latin1'));
  space.placeLink(`${own}/cwd`, Buffer.from(options.cwd).toString('latin1'));
  space.placeLink('/proc/self', String(GUEST_PID));
  put(
    '/proc/meminfo',
    'MemTotal:        1048576 kB\nMemFree:          524288 kB\nMemAvailable:     524288 kB\n',
  );
  put('/proc/cpuinfo', 'processor\t: 0\nvendor_id\t: sandpiper\ncache size\t: 1024 KB\n\n');
}
