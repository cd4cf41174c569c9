import { S_IF } from '@sandpiper/abi';
import { FileInode, GUEST_UID } from '@sandpiper/vfs';
import { GUEST_PID, type KernelState } from '../state.js';

const KIB = 1024;
const PAGE_KIB = 4;

/** Where a run has no figures of its own, KiB: what an interpreter takes that has imported little. */
const INVENTED: Readonly<Record<string, number>> = { VmPeak: 262_144, VmSize: 262_144, RssAnon: 32_768 };

/**
 * Shown for the pages of files that are resident, KiB. The real figure would show which pages of its libraries other
 * guests have read.
 */
const FILE_PAGES_KIB = 32_768;

/** What the guest's memory is, KiB. Names of proc_pid_status(5). */
class MemoryPicture {
  #peak = 0;

  constructor(private readonly state: KernelState) {}

  get figures() {
    const given = this.state.options.memoryFigures?.() ?? new Map<string, number>();
    const of = (name: string) => given.get(name) ?? INVENTED[name] ?? 0;
    const anonymous = of('RssAnon');
    const resident = anonymous + FILE_PAGES_KIB;
    this.#peak = Math.max(this.#peak, resident);
    const size = of('VmSize');
    return { size, peakSize: Math.max(of('VmPeak'), size), resident, peak: this.#peak, anonymous };
  }
}

/** A file of /proc whose text is made when it is read; like those of Linux, of size 0. */
class MadeFile extends FileInode {
  /** As it was when its beginning was read, so that a reader in pieces sees one text. */
  #text = Buffer.alloc(0);

  constructor(
    ino: number,
    now: bigint,
    private readonly make: () => string,
  ) {
    super(ino, S_IF.REG | 0o444, now, false);
    this.uid = this.gid = 0;
  }

  get size(): number {
    return 0;
  }

  read(offset: number, length: number): Buffer {
    if (offset === 0) this.#text = Buffer.from(this.make());
    return this.#text.subarray(offset, offset + length);
  }
}

/** /proc/self/status, stat and statm, and /proc/meminfo: what the guest is and has, nothing of the host. */
export function placeFigures(state: KernelState, own: string): void {
  const { space } = state;
  const memory = new MemoryPicture(state);
  const put = (path: string, make: () => string) =>
    space.place(path, new MadeFile(space.newIno(), space.madeNs, make));
  put(`${own}/status`, () => statusOf(state, memory));
  put(`${own}/stat`, () => statOf(state, memory));
  put(`${own}/statm`, () => {
    const { size, resident, anonymous } = memory.figures;
    const pages = [size, resident, FILE_PAGES_KIB, 0, 0, anonymous, 0];
    return `${pages.map((figure) => Math.floor(figure / PAGE_KIB)).join(' ')}\n`;
  });
  put('/proc/meminfo', () => meminfoOf(state, memory));
}

function statusOf(state: KernelState, memory: MemoryPicture): string {
  const { size, peakSize, resident, peak, anonymous } = memory.figures;
  const ids = Array.from({ length: 4 }, () => GUEST_UID).join('\t');
  const kib = (name: string, figure: number) => `${name}:\t${String(figure).padStart(8)} kB`;
  return [
    `Name:\t${state.processName}`,
    `Umask:\t${state.umask.toString(8).padStart(4, '0')}`,
    'State:\tR (running)',
    `Tgid:\t${GUEST_PID}`,
    'Ngid:\t0',
    `Pid:\t${GUEST_PID}`,
    'PPid:\t1',
    'TracerPid:\t0',
    `Uid:\t${ids}`,
    `Gid:\t${ids}`,
    `Groups:\t${GUEST_UID} `,
    kib('VmPeak', peakSize),
    kib('VmSize', size),
    kib('VmLck', 0),
    kib('VmPin', 0),
    kib('VmHWM', peak),
    kib('VmRSS', resident),
    kib('RssAnon', anonymous),
    kib('RssFile', FILE_PAGES_KIB),
    kib('RssShmem', 0),
    kib('VmSwap', 0),
    'Threads:\t1',
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
    'Cpus_allowed:\t1',
    'Cpus_allowed_list:\t0',
    '',
  ].join('\n');
}

/** proc_pid_stat(5): 52 fields, those that say nothing here are 0. */
function statOf(state: KernelState, memory: MemoryPicture): string {
  const { size, resident } = memory.figures;
  const TICK_NS = 10_000_000n;
  const fields: (string | number | bigint)[] = Array.from({ length: 52 }, () => 0);
  const set = (first: number, ...values: (string | number | bigint)[]) =>
    fields.splice(first - 1, values.length, ...values);
  set(1, GUEST_PID, `(${state.processName})`, 'R', 1, GUEST_PID, GUEST_PID, 0, -1);
  set(14, state.cpuNs() / TICK_NS);
  set(18, 20 + state.niceness, state.niceness, 1);
  set(23, size * KIB, Math.floor(resident / PAGE_KIB), '18446744073709551615');
  set(38, 17);
  return `${fields.join(' ')}\n`;
}

/** The memory that the run's limit allows, as if it were the machine's. */
function meminfoOf(state: KernelState, memory: MemoryPicture): string {
  const total = Math.floor(state.memoryBytes / KIB);
  const free = Math.max(0, total - memory.figures.anonymous);
  const lines: readonly (readonly [string, number])[] = [
    ['MemTotal', total],
    ['MemFree', free],
    ['MemAvailable', free],
    ['Buffers', 0],
    ['Cached', 0],
    ['SwapCached', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
  ];
  return lines.map(([name, kib]) => `${`${name}:`.padEnd(15)} ${String(kib).padStart(8)} kB\n`).join('');
}
