import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { KeeperClient, StartedGuest } from '@sandpiper/guest';
import { GuestKernel, HostClock, type Inheritance, LAST_WORDS, onPath } from '@sandpiper/kernel';
import { completeLimits, RUN_FOLDER } from '@sandpiper/contracts';
import { Channel, DescriptorTransport, type Request } from '@sandpiper/protocol';
import { RunRefusedError } from '../../crossing/refused.js';
import {
  guestCommand,
  type EngineTraits,
  engineTraits,
  isSameRuntime,
  stockRuntime,
  type StockInterpreter,
} from '../../crossing/engines.js';
import { greet } from './handshake.js';
import { assertInterpreterFiles, stampOfFile } from '../../crossing/interpreter-files.js';
import { type GuestJob, wordsOfProgram } from '../../crossing/job.js';
import { environmentOf, hasEarlyVariable } from './environment.js';
import { findProgramNames, longestName, MARKER, nameProgram, type ProgramNames } from './program-name.js';
import { BufferFile, CaptureOutput } from '../streams/streams.js';

/** Not a descriptor of the virtual kernel: its table ends at 4096. */
const CALL_FD = 5000;
/** What a child reads at first; most orders are shorter. Orders above {@link MAX_BYTES} start cold. */
const FIRST_BYTES = 4096;
const MAX_BYTES = 1024 * 1024;
/** The path of parked.py in the parent's name space; no child sees it. */
const FOLDER = '/sandpiper';
/**
 * A parent is replaced after this many children or this time: nothing in it may age, least of all its
 * addresses.
 */
const MAX_CHILDREN = 1000;
export const OLDEST_MS = 10 * 60_000;
/** The keeper ends a warm guest that has waited this long for its run; it is replaced before. */
export const WARM_LIVES_MS = OLDEST_MS + 60_000;
/** A parent that has not parked by then is killed; the cell's runs wait meanwhile. Usually it takes 0.2 s. */
const PARKS_WITHIN_MS = 10_000;
/** Retry delay after a parent that never parked; after MAX_FAILURES in a row, no further one is started. */
const RETRY_MS = 60_000;
const MAX_FAILURES = 3;

/** From the last record of a zip archive (APPNOTE 4.3.16), from which Python would import the program. */
const END_OF_ARCHIVE = 'PK\x05\x06';

const partOf = (name: string) => readFileSync(new URL(`../../../guest/${name}`, import.meta.url), 'utf8');
const PARKED = { pypy: partOf('parked_pypy.py'), cpython: partOf('parked_cpython.py') };
const PARKED_BOTH = partOf('parked.py');

/** A child that waits for its order. */
interface Child {
  readonly guest: StartedGuest;
  readonly channel: Channel;
  /** Its request for the order. */
  readonly asked: Request;
  readonly since: number;
}

interface Parent {
  readonly inheritance: Inheritance;
  /** All modules that it has loaded. */
  readonly modules: ReadonlySet<string>;
  /** Errors of profile modules that could not be imported. */
  readonly complaint: string | null;
  /** Where a CPython keeps the name of its program; null for a PyPy. */
  readonly names: ProgramNames | null;
  readonly since: number;
  /** Stamp of the interpreter's file when the parent was started. */
  readonly stamp: string | null;
  children: number;
}

/** A forked guest that waits for its order, and the initial state of its kernel. */
export interface ForkedGuest {
  readonly guest: StartedGuest;
  readonly channel: Channel;
  readonly asked: Request;
  readonly order: Buffer;
  /** What to do with its memory before it goes on. */
  readonly prepare: (channel: Channel) => void;
  readonly inheritance: Inheritance;
}

/**
 * The parked parent of one cell's guests (packages/sandbox/guest/native/shim/fork.c). Without a parent, a run
 * starts cold: nothing fails for lack of a parent.
 */
export class ForkServer {
  #parent: Parent | null = null;
  #child: Child | null = null;
  #failures = 0;
  #notBefore = 0;

  constructor(
    private readonly keeper: KeeperClient,
    readonly interpreter: StockInterpreter,
    private readonly profile: readonly string[],
    private readonly cpu: number | null,
  ) {}

  /** Whether {@link prepare} has something to do. */
  get wanting(): boolean {
    if (this.#failures >= MAX_FAILURES || Date.now() < this.#notBefore) return false;
    return this.#parent === null || this.#isOld(this.#parent) || this.#child === null;
  }

  /**
   * Makes a parent where there is none or an old one, and forks a child. Returns null, or the problem: why
   * there is no parent, or what a new one could not import.
   */
  prepare(): string | null {
    if (!this.wanting) return null;
    let complaint: string | null = null;
    try {
      const isNew = this.#parent === null || this.#isOld(this.#parent);
      if (this.#parent === null || isNew) {
        this.#discardChild();
        this.#parent = null;
        this.#parent = this.#start();
        complaint = this.#parent.complaint;
      }
      this.#child ??= this.#forkOne(this.#parent);
      // A parent that has forked before may just have died. One that never could is not retried.
      if (this.#child === null && isNew)
        throw new Error(`no guest can be forked: ${this.keeper.whyNotForked}`);
      this.#failures = 0;
      return complaint;
    } catch (error) {
      this.#failures++;
      this.#notBefore = Date.now() + RETRY_MS;
      return (error as Error).message;
    }
  }

  /** Null when the job needs its own interpreter, or there is no parent. */
  fork(job: GuestJob): ForkedGuest | null {
    const parent = this.#parent;
    const order = parent !== null && this.#suits(job, parent) ? this.#orderOf(job, parent) : null;
    if (parent !== null && order !== null && order.length <= MAX_BYTES) {
      if (this.#child !== null && !isFresh(this.#child)) this.#discardChild();
      const child = this.#child ?? this.#forkOne(parent);
      this.#child = null;
      const prepare = (channel: Channel) => {
        if (parent.names !== null) nameProgram(channel, parent.names, job);
      };
      if (child !== null) return { ...child, order, prepare, inheritance: parent.inheritance };
    }
    // The keeper has one guest at a time.
    this.#discardChild();
    return null;
  }

  /** Null when the parent is gone. */
  #forkOne(parent: Parent): Child | null {
    const guest = this.keeper.fork(WARM_LIVES_MS);
    if (guest === null) {
      this.#parent = null;
      return null;
    }
    parent.children++;
    try {
      const channel = new Channel(new DescriptorTransport(guest.requests, guest.replies), 'linux');
      const began = channel.nextRequest();
      if (began !== null && isCall(began, 'read')) {
        channel.returnInt(0);
        // Until it asks, its actions are not its program's.
        const asked = channel.nextRequest();
        if (asked !== null && isCall(asked, 'read')) return { guest, channel, asked, since: Date.now() };
      }
      throw new Error('a forked child did not ask for its order');
    } catch (error) {
      // The keeper has one guest at a time: a forgotten one would block every later run.
      this.#discard(guest);
      throw error;
    }
  }

  #discardChild(): void {
    if (this.#child !== null) this.#discard(this.#child.guest);
    this.#child = null;
  }

  #discard(guest: StartedGuest): void {
    this.keeper.kill();
    this.keeper.ended();
    guest.close();
  }

  #isOld(parent: Parent): boolean {
    const { children, since, stamp } = parent;
    return children >= MAX_CHILDREN || Date.now() - since > OLDEST_MS || stamp !== this.#stamp();
  }

  #start(): Parent {
    assertInterpreterFiles(this.interpreter);
    const traits = engineTraits(this.interpreter);
    const stamp = this.#stamp();
    const guest = this.keeper.start({
      kind: 'parked',
      ...guestCommand(traits, [programOfParent(traits)]),
      env: { ...environmentOf(RUN_FOLDER, traits.env), PYTHONPATH: FOLDER },
      deterministic: false,
      cpu: this.cpu,
      startupMs: PARKS_WITHIN_MS,
    });
    let parked: ReturnType<typeof serveUntilParked> = null;
    try {
      parked = serveUntilParked(
        new Channel(new DescriptorTransport(guest.requests, guest.replies), 'linux'),
        traits,
        stockRuntime(this.interpreter).profile ?? this.profile,
      );
      if (parked === null || !this.keeper.park())
        throw new RunRefusedError('the parent of the fork server did not park');
      return { ...parked, since: Date.now(), stamp, children: 0 };
    } catch (error) {
      this.keeper.kill();
      this.keeper.ended();
      throw error;
    } finally {
      guest.close();
    }
  }

  /** Its file may have been replaced, or be missing. */
  #stamp(): string | null {
    try {
      return stampOfFile(engineTraits(this.interpreter).executable);
    } catch {
      return null;
    }
  }

  /** Whether a child is equivalent to a separate interpreter for this job. */
  #suits(job: GuestJob, parent: Parent): boolean {
    return (
      job.interpreter.engine === 'seccomp' &&
      isSameRuntime(job.interpreter, this.interpreter) &&
      job.deterministic === null &&
      job.output !== 'pass-through' &&
      job.folder === RUN_FOLDER &&
      parent.stamp === this.#stamp() &&
      (parent.names === null ||
        wordsOfProgram(job)
          .slice(0, 1)
          .every((name) => name.length <= longestName)) &&
      // A user's own modules, which the interpreter imports before the program (site.py): the parent has none.
      !job.files.some((file) => file.path.includes('/.local/')) &&
      // The parent has begun already, with a path of its own.
      !hasEarlyVariable(job.env) &&
      engineTraits(this.interpreter).env['PYTHONPATH'] === undefined &&
      !job.files.some((file) => parent.modules.has(moduleOf(file.path)))
    );
  }

  /**
   * Arguments, variables and program of a run, entropy for its random generator and the kind of its standard input, as
   * parked.py reads them. A CPython reads its program itself.
   */
  #orderOf(job: GuestJob, parent: Parent): Buffer | null {
    const program = programOf(job);
    if (program === null) return null;
    const argv = wordsOfProgram(job);
    const { env } = engineTraits(this.interpreter);
    const variables = Object.entries(environmentOf(job.folder, { ...env, ...job.env })).flat();
    const words = [
      randomBytes(64).toString('hex'),
      job.stdin.kind === 'buffer' ? 'file' : 'other',
      argv.length,
      variables.length / 2,
      ...argv,
      ...variables,
      '',
    ];
    const text = parent.names === null ? program : Buffer.alloc(0);
    const order = Buffer.concat([Buffer.from(words.join('\0')), text]);
    return Buffer.concat([Buffer.from(`${order.length}\0`), order]);
  }
}

/** What a parent is started with: a CPython's is replaced in its memory. */
const programOfParent = ({ parks }: EngineTraits): string => (parks === 'cpython' ? MARKER : 'main.py');

/** It may have been killed meanwhile. */
function isFresh({ guest, since }: Child): boolean {
  return Date.now() - since <= OLDEST_MS && guest.figures.isAlive;
}

/** Answers a parent's calls until it asks for its program. */
function serveUntilParked(channel: Channel, traits: EngineTraits, profile: readonly string[]) {
  if (!greet(channel)) return null;
  const names = profile.map((name) => JSON.stringify(name)).join(', ');
  const { parks, libraries } = traits;
  if (parks === null) throw new Error(`${traits.executable}: has no fork server`);
  const numbers = `CALL_FD = ${CALL_FD}\nFIRST_BYTES = ${FIRST_BYTES}\n`;
  const source = `${LAST_WORDS}${onPath(libraries)}\nPROFILE = [${names}]\n${numbers}${PARKED_BOTH}\n${PARKED[parks]}`;
  const said = new CaptureOutput();
  const kernel = new GuestKernel(traits.surface, {
    limits: completeLimits({}),
    // A file, as that of most children; the others make their sys.stdin anew.
    stdin: new BufferFile(Buffer.alloc(0)),
    stdout: said,
    stderr: said,
    cwd: RUN_FOLDER,
    files: [{ path: posix.join(FOLDER, 'sitecustomize.py'), data: Buffer.from(source) }],
    hostMounts: traits.mounts,
    argv: [traits.argv0, programOfParent(traits)],
    executable: traits.virtualExecutable,
    env: {},
    clock: new HostClock(),
    randomBytes,
  });
  const told: string[] = [];
  for (;;) {
    const request = channel.nextRequest();
    if (request === null) throw new Error(`the parent has ended: ${lastLine(said)}`);
    const { name } = request.signature;
    const [, address = 0, size = 0] = request.args;
    if (isCall(request, 'write')) {
      told.push(channel.read(address, size).toString());
      channel.returnInt(size);
    } else if (isCall(request, 'read')) {
      const inheritance = kernel.inheritance();
      if (inheritance === null) throw new Error('the parent holds state that a child would not inherit');
      // The last thing it reports is its modules, and a CPython before them an address of its heap.
      const modules: ReadonlySet<string> = new Set(told.pop()?.split('\0'));
      const parked = {
        inheritance,
        modules,
        names: parks === 'cpython' ? findProgramNames(channel, Number(told.pop())) : null,
        complaint: told.pop() ?? null,
      };
      channel.park();
      return parked;
    } else {
      const outcome = kernel.call(name, request.args, channel);
      if (outcome.kind === 'return') channel.returnInt(outcome.value);
      else if (outcome.kind === 'error') channel.returnInt(-outcome.errno);
      else throw new Error(`the parent has ended: ${outcome.kind}: ${lastLine(said)}`);
    }
  }
}

function isCall(request: Request, name: 'read' | 'write'): boolean {
  return request.signature.name === name && request.args[0] === CALL_FD;
}

function lastLine(said: CaptureOutput): string {
  return said.bytes().toString('utf8').trimEnd().split('\n').at(-1) ?? '';
}

/** Answers a child that waits for its order. Returns false when it has ended meanwhile. */
export function sendOrder({ channel, asked, order, prepare }: ForkedGuest): boolean {
  prepare(channel);
  let request: Request | null = asked;
  for (let sent = 0; sent < order.length; ) {
    request ??= channel.nextRequest();
    if (request === null) return false;
    // No program has run yet, so it would be our mistake.
    if (!isCall(request, 'read'))
      throw new Error(`a forked child asked for ${request.signature.text} instead of its order`);
    const part = order.subarray(sent, sent + (request.args[2] ?? 0));
    channel.write(request.args[1] ?? 0, part);
    channel.returnInt(part.length);
    sent += part.length;
    request = null;
  }
  return true;
}

/**
 * The text of a program that is a file of the run; null where it is none, or may be an archive or compiled.
 */
function programOf(job: GuestJob): Buffer | null {
  if (job.programPath === null || /\.py[co]$/.test(job.programPath)) return null;
  const path = posix.resolve(job.folder, job.programPath);
  const data = job.files.findLast((file) => file.path === path)?.data ?? null;
  return data === null || Buffer.from(data).includes(END_OF_ARCHIVE) ? null : Buffer.from(data);
}

/**
 * The name by which the first part of a path below the folder could be imported: it would shadow the
 * library's.
 */
function moduleOf(path: string): string {
  const [first = ''] = posix.relative(RUN_FOLDER, path).split('/');
  return first.replace(/\.(py|pyc|.*\.so|so)$/, '');
}
