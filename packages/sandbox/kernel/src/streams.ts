import { Errno, O, POLL, S_IF, type StatFields, SyscallError } from '@sandpiper/abi';
import { Inode } from '@sandpiper/vfs';
import { OpenFile } from './descriptors.js';
import type { InputStream, OutputStream, Terminal } from './types.js';

/** An unnamed file that can be reopened through /proc/self/fd: the end of a pipe, a stream. */
export class StreamInode extends Inode {
  constructor(
    ino: number,
    readonly file: OpenFile,
    mode: number,
    private readonly rdev = 0,
  ) {
    super(ino, mode, 0n, false);
  }

  get size(): number {
    return 0;
  }

  override stat(): StatFields {
    return { ...super.stat(), rdev: this.rdev };
  }
}

/** What fstat(2) tells of a stream, by its kind. The device is the first of pts(4). */
const MODES = {
  pipe: [S_IF.IFO | 0o600, 0],
  socket: [S_IF.SOCK | 0o600, 0],
  terminal: [S_IF.CHR | 0o620, 256 * 136],
} as const;

/** Standard streams and pipes. */
abstract class Stream extends OpenFile {
  readonly #inode: StreamInode;

  constructor(
    ino: number,
    flags: number,
    private readonly kind: keyof typeof MODES = 'pipe',
    override readonly terminal: Terminal | null = null,
  ) {
    super(flags);
    const [mode, rdev] = MODES[kind];
    this.#inode = new StreamInode(ino, this, mode, rdev);
  }

  get link() {
    const text = this.kind === 'terminal' ? '/dev/pts/0' : `${this.kind}:[${this.#inode.ino}]`;
    return { text, inode: this.#inode, parents: [] };
  }

  override get waitable(): boolean {
    return true;
  }

  stat(): StatFields {
    return this.#inode.stat();
  }
}

const kindOf = (terminal: Terminal | undefined) => (terminal === undefined ? 'pipe' : 'terminal');

/** Standard input whose bytes are yet to come is a terminal or looks like a pipe, as output and error do. */
export class StandardInput extends Stream {
  constructor(private readonly source: InputStream) {
    super(3, O.RDONLY, kindOf(source.terminal), source.terminal);
  }

  override read(length: number): Buffer {
    const data = this.source.read(length);
    if (data === null) throw new SyscallError(Errno.EINTR);
    return data;
  }

  override released(): void {
    this.source.closed?.();
  }

  override poll(): number {
    return POLL.IN;
  }
}

export class StandardOutput extends Stream {
  constructor(
    private readonly sink: OutputStream,
    ino: number,
  ) {
    super(ino, O.WRONLY, kindOf(sink.terminal), sink.terminal);
  }

  override write(data: Buffer): number {
    return this.sink.write(data);
  }

  override released(): void {
    this.sink.closed?.();
  }

  override poll(): number {
    return POLL.OUT;
  }
}

/** pipe(7): what a pipe holds at first before a writer would have to wait, and the most that it may; bytes. */
const PIPE_BYTES = 65536;
const MAX_PIPE_BYTES = 1024 * 1024;

const NOTHING = Buffer.alloc(0);
/** What a pipe holds when the guest's pipes are over their budget: a write of PIPE_BUF stays atomic. */
const MIN_PIPE_BYTES = 4096;

/** As many as descriptors by default; bytes. */
const MAX_PIPES_BYTES = 256 * PIPE_BYTES;

/**
 * What all pipes of a guest may take beyond the minimum of each: as pipe-user-pages-soft of pipe(7). Bytes.
 */
export class PipeBudget {
  #left = MAX_PIPES_BYTES;

  has(bytes: number): boolean {
    return bytes <= this.#left;
  }

  /** A negative number gives back. */
  take(bytes: number): void {
    this.#left -= bytes;
  }

  /** What is taken now. */
  get used(): number {
    return MAX_PIPES_BYTES - this.#left;
  }
}

/** Bytes in transit within the guest. */
export class Pipe {
  constructor(
    readonly ino: number,
    private readonly budget: PipeBudget,
  ) {}

  /**
   * A ring buffer: the data begins at #start and may wrap around. Its size is a power of two, no more than
   * needed.
   */
  #buffer: Buffer = NOTHING;
  #start = 0;
  #length = 0;
  readers = 0;
  writers = 0;
  #capacity = PIPE_BYTES;

  /** What it may hold, bytes. */
  get capacity(): number {
    return this.#capacity;
  }

  /** F_SETPIPE_SZ of fcntl(2): a power of two, at least a page. @throws SyscallError */
  setCapacity(bytes: number): void {
    if (bytes < 0) throw new SyscallError(Errno.EINVAL);
    const capacity = Math.max(MIN_PIPE_BYTES, sizeFor(bytes));
    if (capacity > MAX_PIPE_BYTES) throw new SyscallError(Errno.EPERM);
    if (this.#length > capacity) throw new SyscallError(Errno.EBUSY);
    this.#capacity = capacity;
  }

  /** What it has taken of the budget. */
  get charged(): number {
    return costOf(this.#buffer.length);
  }

  /** Throws EAGAIN where a reader would wait. */
  take(length: number): Buffer {
    const data = this.peek(length);
    this.#start = (this.#start + data.length) % Math.max(1, this.#buffer.length);
    this.#length -= data.length;
    if (this.#length === 0 && this.#buffer.length > MIN_PIPE_BYTES) this.#resize(0);
    return data;
  }

  peek(length: number): Buffer {
    if (this.#length === 0 && this.writers > 0) throw new SyscallError(Errno.EAGAIN);
    const data = Buffer.allocUnsafe(Math.min(length, this.#length));
    const first = this.#buffer.copy(
      data,
      0,
      this.#start,
      Math.min(this.#start + data.length, this.#buffer.length),
    );
    this.#buffer.copy(data, first, 0, data.length - first);
    return data;
  }

  /** Throws EAGAIN where a writer would wait. */
  put(data: Buffer): number {
    if (this.readers === 0) throw new SyscallError(Errno.EPIPE);
    const room = this.#holds(this.#length + data.length) - this.#length;
    if (room <= 0 && data.length > 0) throw new SyscallError(Errno.EAGAIN);
    const taken = Math.min(data.length, room);
    if (this.#length + taken > this.#buffer.length) this.#resize(this.#length + taken);
    const at = (this.#start + this.#length) % Math.max(1, this.#buffer.length);
    const first = data.copy(this.#buffer, at, 0, Math.min(taken, this.#buffer.length - at));
    data.copy(this.#buffer, 0, first, taken);
    this.#length += taken;
    return taken;
  }

  /** A descriptor of an end is closed. When no end is left, data in transit is lost and its memory freed. */
  leave(end: 'reader' | 'writer'): void {
    if (end === 'reader') this.readers--;
    else this.writers--;
    if (this.readers > 0 || this.writers > 0) return;
    this.#length = 0;
    this.#resize(0);
  }

  pollReader(): number {
    return (this.#length > 0 ? POLL.IN : 0) | (this.writers === 0 ? POLL.HUP : 0);
  }

  pollWriter(): number {
    return this.readers === 0 ? POLL.ERR : this.#holds(this.#length + 1) > this.#length ? POLL.OUT : 0;
  }

  /** How many of `wanted` bytes there is room for. */
  #holds(bytes: number): number {
    const wanted = Math.min(bytes, this.#capacity);
    if (wanted <= this.#buffer.length) return wanted;
    const more = costOf(sizeFor(wanted)) - costOf(this.#buffer.length);
    return this.budget.has(more) ? wanted : Math.min(wanted, Math.max(this.#buffer.length, MIN_PIPE_BYTES));
  }

  #resize(bytes: number): void {
    const data = this.#length === 0 ? NOTHING : this.peek(this.#length);
    const size = sizeFor(bytes);
    this.budget.take(costOf(size) - costOf(this.#buffer.length));
    this.#buffer = size === 0 ? NOTHING : Buffer.allocUnsafeSlow(size);
    data.copy(this.#buffer);
    this.#start = 0;
  }
}

/** The next power of two, at least 512. */
const sizeFor = (bytes: number): number => (bytes === 0 ? 0 : 2 ** Math.max(9, Math.ceil(Math.log2(bytes))));

const costOf = (size: number): number => (size > MIN_PIPE_BYTES ? size : 0);

export class PipeEnd extends Stream {
  constructor(
    readonly pipe: Pipe,
    flags: number,
    /** Set where it has a name. */
    private readonly fifo: FifoInode | null = null,
  ) {
    super(pipe.ino, flags);
    if (this.readable) pipe.readers++;
    if (this.writable) pipe.writers++;
  }

  override stat(): StatFields {
    return this.fifo === null ? super.stat() : this.fifo.stat();
  }

  override read(length: number): Buffer {
    return this.pipe.take(length);
  }

  override write(data: Buffer): number {
    return this.pipe.put(data);
  }

  override poll(): number {
    return (this.readable ? this.pipe.pollReader() : 0) | (this.writable ? this.pipe.pollWriter() : 0);
  }

  override released(): void {
    if (this.readable) this.pipe.leave('reader');
    if (this.writable) this.pipe.leave('writer');
  }
}

/** A pipe with a name (fifo(7)). */
export class FifoInode extends Inode {
  readonly pipe: Pipe;

  constructor(ino: number, permissions: number, nowNs: bigint, budget: PipeBudget) {
    super(ino, S_IF.IFO | permissions, nowNs, true);
    this.pipe = new Pipe(ino, budget);
  }

  get size(): number {
    return 0;
  }
}

/** One end of a pair of connected stream sockets (socketpair(2)), the only sockets there are. */
export class SocketEnd extends Stream {
  constructor(
    ino: number,
    readonly incoming: Pipe,
    readonly outgoing: Pipe,
    flags: number,
  ) {
    super(ino, O.RDWR | flags, 'socket');
    incoming.readers++;
    outgoing.writers++;
  }

  #receives = true;
  #sends = true;

  override read(length: number): Buffer {
    return this.incoming.take(length);
  }

  peek(length: number): Buffer {
    return this.incoming.peek(length);
  }

  override write(data: Buffer): number {
    if (!this.#sends) throw new SyscallError(Errno.EPIPE);
    return this.outgoing.put(data);
  }

  /** shutdown(2) */
  shutDown(receiving: boolean, sending: boolean): void {
    if (receiving && this.#receives) {
      this.#receives = false;
      this.incoming.leave('reader');
    }
    if (sending && this.#sends) {
      this.#sends = false;
      this.outgoing.leave('writer');
    }
  }

  override poll(): number {
    const { readers } = this.outgoing;
    return this.incoming.pollReader() | (readers === 0 ? POLL.OUT : this.outgoing.pollWriter());
  }

  override released(): void {
    this.shutDown(true, true);
  }
}
