import { S_IF } from '@sandpiper/abi';
import { type DirectoryEntry, DirectoryInode, type Inode, MagicLink, type Work } from '@sandpiper/vfs';
import type { FdTable } from './descriptors.js';
import { placeFigures } from './surroundings/figures.js';
import { GUEST_PID, INPUT_PATH, type KernelState } from './state.js';

/** /proc/self/fd: a link for each open descriptor. The numbers of its inodes begin here. */
const FIRST_LINK_INO = 2 ** 32;

class DescriptorFolder extends DirectoryInode {
  constructor(
    ino: number,
    private readonly fds: FdTable,
    private readonly work: Work,
    private readonly now: () => bigint,
  ) {
    super(ino, S_IF.DIR | 0o500, now(), false);
    this.nlink = 2;
  }

  lookup(name: string): Inode | null {
    if (!/^(0|[1-9]\d{0,5})$/.test(name) || !this.fds.has(Number(name))) return null;
    const { text, inode, parents } = this.fds.get(Number(name)).link;
    return new MagicLink(FIRST_LINK_INO + Number(name), text, this.now(), inode, parents);
  }

  names(): readonly string[] {
    return this.fds.numbers().map(String);
  }

  /** Descriptor N has number N + 1. */
  entryAfter(number: number): DirectoryEntry | null {
    for (let fd = number; fd < this.fds.capacity; fd++) {
      this.work.step();
      if (!this.fds.has(fd)) continue;
      const inode = this.lookup(String(fd));
      if (inode !== null) return { name: String(fd), inode, number: fd + 1 };
    }
    return null;
  }

  get lastNumber(): number {
    return this.fds.capacity;
  }
}

/** One processor. The interpreter sizes its nursery by `cache size`. */
const CPUINFO = [
  'processor\t: 0',
  'vendor_id\t: sandpiper',
  'model name\t: Virtual CPU',
  'cache size\t: 1024 KB',
  'physical id\t: 0',
  'siblings\t: 1',
  'core id\t\t: 0',
  'cpu cores\t: 1',
  '\n',
].join('\n');

/** Where the guest can read its arguments. */
export const ARGUMENT_PATHS: readonly string[] = [`/proc/${GUEST_PID}/cmdline`];

/** A small, honest /proc: it shows the guest, never the host. */
export function placeProc(state: KernelState): void {
  const { space, options } = state;
  const put = (path: string, text: string) => space.placeFile(path, Buffer.from(text), false, 0o444);
  const own = `/proc/${GUEST_PID}`;
  put(`${own}/cmdline`, options.argv.map((arg) => `${arg}\0`).join(''));
  put(`${own}/comm`, `${state.processName}\n`);
  placeFigures(state, own);
  if (state.inputInode !== null) space.place(INPUT_PATH, state.inputInode);
  space.placeLink(`${own}/exe`, Buffer.from(options.executable).toString('latin1'));
  space.placeLink(`${own}/cwd`, Buffer.from(options.cwd).toString('latin1'));
  space.place(`${own}/fd`, new DescriptorFolder(space.newIno(), state.fds, state.work, () => state.now()));
  space.placeLink('/proc/self', String(GUEST_PID));
  put('/proc/cpuinfo', CPUINFO);
}
