import type { RunRequest, RunStatus } from '@sandpiper/contracts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** A run's request, and its expected result. */
export interface Program {
  readonly name: string;
  readonly request: RunRequest;
  readonly status: RunStatus;
  /** Characters of its standard output; null where they are not known beforehand. */
  readonly outputLength: number | null;
  /** How it is sent and followed; by default `run`. */
  readonly way?: 'run' | 'live' | 'cancel';
}

/** More than a busy machine takes, for programs that another limit ends, milliseconds. */
const LONG_WALL_MS = 600_000;

const writes = (bytes: number): Program => ({
  name: `output of ${bytes} bytes`,
  request: { source: `import sys\nsys.stdout.write("x" * ${bytes})` },
  status: 'ok',
  outputLength: bytes,
});

const reads = (bytes: number): Program => ({
  name: `input of ${bytes} bytes`,
  request: { source: 'import sys\nprint("%08d" % len(sys.stdin.read()))', stdin: 'y'.repeat(bytes) },
  status: 'ok',
  outputLength: 9,
});

const ends = (status: RunStatus, source: string, limits: RunRequest['limits'] = {}): Program => ({
  name: status,
  request: { source, limits: { wallMs: LONG_WALL_MS, ...limits } },
  status,
  outputLength: null,
});

const STATUSES: readonly Program[] = [
  ends('runtime-error', 'raise SystemExit(3)'),
  ends('time-limit', 'while True: pass', { cpuMs: 100 }),
  ends('wall-limit', 'import time; time.sleep(60)', { wallMs: 150 }),
  ends('memory-limit', 'kept = []\nwhile True: kept.append(bytearray(1 << 20))', { memoryBytes: 16 * MIB }),
  ends('output-limit', 'while True: print("x" * 1000)', { outputBytes: 100 * KIB }),
  ends('disk-limit', 'f = open("/tmp/f", "wb", 0)\nwhile True: f.write(bytes(65536))', { diskBytes: MIB }),
  ends('syscall-limit', 'import os\nwhile True: os.stat("/")', { syscalls: 5_000 }),
  ends('violation', 'import ctypes; ctypes.CDLL(None).syscall(0x40000000 | 39)'),
];

const CANCELLED: Program = {
  ...ends('cancelled', 'import time; time.sleep(60)'),
  way: 'cancel',
};

/** Echoes its input until that ends. */
const LIVE: Program = {
  name: 'live',
  request: { source: 'import sys\nfor line in sys.stdin: print(line.strip(), flush=True)', live: true },
  status: 'ok',
  outputLength: null,
  way: 'live',
};

const FILES: Program = {
  name: 'files',
  request: {
    source:
      'import os\nprint("%08d" % len(open("data/in.txt").read())); open("out.txt", "w").write("z" * 100_000)',
    files: [{ name: 'data/in.txt', content: 'w'.repeat(100 * KIB) }],
    outputs: ['out.txt'],
  },
  status: 'ok',
  outputLength: 9,
};

const many = (count: number, program: Program): Program[] => Array.from({ length: count }, () => program);

/** One round: always the same, so that what is held after each can be compared. */
export const ROUND: readonly Program[] = [
  ...many(12, writes(0)),
  ...many(12, writes(1)),
  ...many(6, writes(64 * KIB)),
  ...many(2, writes(MIB)),
  writes(8 * MIB),
  reads(0),
  reads(64 * KIB),
  reads(8 * MIB),
  ...many(3, FILES),
  ...STATUSES,
  ...many(2, CANCELLED),
  ...many(2, LIVE),
];

/** The batch of each round. */
export const BATCH: readonly Program[] = [
  ...many(6, writes(10)),
  ...many(2, writes(64 * KIB)),
  ends('runtime-error', '1/0'),
];
