import { Errno, O, POLL, S_IF, type StatFields, SyscallError } from '@sandpiper/abi';
import { Inode } from '@sandpiper/vfs';
import { OpenFile } from './descriptors.js';
import type { InputStream } from './types.js';

/** What has no name in any folder but can be opened once more through /proc/self/fd: the end of a pipe, a stream. */
export class StreamInode extends Inode {
  constructor(
    ino: number,
    readonly file: OpenFile,
    type: number,
  ) {
    super(ino, type | 0o600, 0n, false);
  }

  get size(): number {
    return 0;
  }
}

/** Standard streams and pipes. */
abstract class Stream extends OpenFile {
  readonly #inode: StreamInode;

  constructor(
    ino: number,
    flags: number,
    private readonly kind: 'pipe' | 'socket' = 'pipe',
  ) {
    super(flags);
    this.#inode = new StreamInode(ino, this, kind === 'pipe' ? S_IF.IFO : S_IF.SOCK);
  }

  get link() {
    return { text: `${this.kind}:[${this.#inode.ino}]`, inode: this.#inode, parents: [] };
  }

  override get waitable(): boolean {
    return true;
  }

  stat(): StatFields {
    return this.#inode.stat();
  }
}

/** Standard input, output and error look like pipes. */
export class InputFile extends Stream {
  constructor(private readonly source: InputStream) {
    super(3, O.RDONLY);
  }

  override read(length: number): Buffer {
    const data = this.source.read(length);
    if (data === null) throw new SyscallError(Errno.EINTR);
    return data;
  }

  override poll(): number {
    return POLL.IN;
  }
}

export class OutputFile extends Stream {
  constructor(
    private readonly sink: (data: Buffer) => number,
    ino: number,
  ) {
    super(ino, O.WRONLY);
  }

  override write(data: Buffer): number {
    return this.sink(data);
  }

  override poll(): number {
    return POLL.OUT;
  }
}

/** pipe(7): what fits before a writer would have to wait, bytes. */
const PIPE_BYTES = 65536;

const NOTHING = Buffer.alloc(0);

/** Bytes on their way within the guest. */
export class Pipe {
  constructor(readonly ino: number) {}

  /** What is on its way lies from start to end. At most twice as long as what a pipe holds: then it rarely has to be moved. */
  #buffer: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  readers = 0;
  writers = 0;

  get #length(): number {
    return this.#end - this.#start;
  }

  /** Throws EAGAIN where a reader would wait. */
  take(length: number): Buffer {
    const data = this.peek(length);
    this.#start += data.length;
    if (this.#length === 0) this.#clear();
    return data;
  }

  peek(length: number): Buffer {
    if (this.#length === 0 && this.writers > 0) throw new SyscallError(Errno.EAGAIN);
    return Buffer.from(this.#buffer.subarray(this.#start, Math.min(this.#end, this.#start + length)));
  }

  /** Throws EAGAIN where a writer would wait. */
  put(data: Buffer): number {
    if (this.readers === 0) throw new SyscallError(Errno.EPIPE);
    const taken = Math.min(data.length, PIPE_BYTES - this.#length);
    if (taken === 0 && data.length > 0) throw new SyscallError(Errno.EAGAIN);
    this.#makeRoom(taken);
    data.copy(this.#buffer, this.#end, 0, taken);
    this.#end += taken;
    return taken;
  }

  /** A descriptor of an end is closed. What is on its way when nobody is left is lost, and takes no memory any more. */
  leave(end: 'reader' | 'writer'): void {
    if (end === 'reader') this.readers--;
    else this.writers--;
    if (this.readers === 0 && this.writers === 0) this.#clear();
  }

  pollReader(): number {
    return (this.#length > 0 ? POLL.IN : 0) | (this.writers === 0 ? POLL.HUP : 0);
  }

  pollWriter(): number {
    return this.readers === 0 ? POLL.ERR : this.#length < PIPE_BYTES ? POLL.OUT : 0;
  }

  #makeRoom(size: number): void {
    if (this.#end + size <= this.#buffer.length) return;
    const needed = this.#length + size;
    const next =
      needed * 2 > this.#buffer.length ? Buffer.allocUnsafeSlow(Math.max(512, needed * 2)) : this.#buffer;
    this.#buffer.copy(next, 0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#buffer = next;
  }

  #clear(): void {
    this.#start = this.#end = 0;
    if (this.#buffer.length > 4096) this.#buffer = NOTHING;
  }
}

export class PipeEnd extends Stream {
  constructor(
    readonly pipe: Pipe,
    flags: number,
    /** Where it has a name. */
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

  constructor(ino: number, permissions: number, nowNs: bigint) {
    super(ino, S_IF.IFO | permissions, nowNs, true);
    this.pipe = new Pipe(ino);
  }

  get size(): number {
    return 0;
  }
}

/** One end of a pair of connected stream sockets (socketpair(2)); there is nobody else to connect to. */
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
