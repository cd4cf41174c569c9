import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { type KeeperClient, PYPY3_PATH, type StartedGuest } from '@sandpiper/guest';
import { GuestKernel, HostClock, type Inheritance } from '@sandpiper/kernel';
import { completeLimits } from '@sandpiper/contracts';
import { Channel, DescriptorTransport, type Request } from '@sandpiper/protocol';
import { RunRefusedError } from '../../crossing/refused.js';
import { type Engine, engineOf } from '../../crossing/engines.js';
import { greet } from './handshake.js';
import { demandInterpreterFiles, stampOfFile } from '../../crossing/interpreter-files.js';
import { type GuestJob, RUN_FOLDER, wordsOfProgram } from '../../crossing/job.js';
import { environmentOf, hasEarlyVariable } from './environment.js';
import { CaptureOutput } from '../streams/streams.js';

/** No descriptor of the virtual kernel: its table ends at 4096. */
const CALL_FD = 5000;
/** What a child asks for at first; most orders are shorter. One of more than the other wants a guest of its own. */
const FIRST_BYTES = 4096;
const MOST_BYTES = 1024 * 1024;
/** Where parked.py lies in the parent's name space; no child sees it. */
const FOLDER = '/sandpiper';
/** A parent is replaced after so many children or so long: nothing in it may grow old, its addresses neither. */
const MOST_CHILDREN = 1000;
export const OLDEST_MS = 10 * 60_000;
/** The keeper ends a child that has had no order for so long; before that it is exchanged. */
export const SPARE_LIVES_MS = OLDEST_MS + 60_000;
/** A parent that has not parked by then is killed; meanwhile the runs of its cell wait. Usually it takes 0.2 s. */
const PARKS_WITHIN_MS = 10_000;
/** After one that never got to park, the next is tried so much later; after so many in a row there is none any more. */
const RETRY_MS = 60_000;
const MOST_FAILURES = 3;

/** Of the last record of a zip archive (APPNOTE 4.3.16), which Python would import the program from. */
const END_OF_ARCHIVE = 'PK\x05\x06';

const PARKED = readFileSync(new URL('../../../guest/parked.py', import.meta.url), 'utf8');

/** A child that waits for its order. */
interface Spare {
  readonly guest: StartedGuest;
  readonly channel: Channel;
  /** Its question for the order. */
  readonly asked: Request;
  readonly since: number;
}

interface Parent {
  readonly inheritance: Inheritance;
  /** All modules that it has loaded. */
  readonly modules: ReadonlySet<string>;
  /** Of modules of the profile that could not be imported. */
  readonly complaint: string | null;
  readonly since: number;
  /** Of the interpreter's file, when the parent was started. */
  readonly stamp: string | null;
  children: number;
}

/** A guest that was forked and waits for its order, and what its kernel begins with. */
export interface ForkedGuest {
  readonly guest: StartedGuest;
  readonly channel: Channel;
  readonly asked: Request;
  readonly order: Buffer;
  readonly inheritance: Inheritance;
}

/**
 * The parked parent of one cell's guests (packages/sandbox/guest/native/shim/fork.c). A run that finds none starts a guest the long
 * way: nothing fails for want of a parent.
 */
export class ForkServer {
  #parent: Parent | null = null;
  #spare: Spare | null = null;
  #failures = 0;
  #notBefore = 0;

  constructor(
    private readonly keeper: KeeperClient,
    private readonly profile: readonly string[],
    private readonly cpu: number | null,
  ) {}

  /** Whether {@link prepare} has something to do. */
  get wanting(): boolean {
    if (this.#failures >= MOST_FAILURES || Date.now() < this.#notBefore) return false;
    return this.#parent === null || this.#isOld(this.#parent) || this.#spare === null;
  }

  /**
   * Makes a parent where there is none or an old one, and forks a child. Returns null, or what is wrong: why there is no
   * parent, or what a new one could not import.
   */
  prepare(): string | null {
    if (!this.wanting) return null;
    let complaint: string | null = null;
    try {
      const isNew = this.#parent === null || this.#isOld(this.#parent);
      if (this.#parent === null || isNew) {
        this.#discardSpare();
        this.#parent = null;
        this.#parent = this.#start();
        complaint = this.#parent.complaint;
      }
      this.#spare ??= this.#forkOne(this.#parent);
      // One that has forked before may just have died. One that never could is not made again and again.
      if (this.#spare === null && isNew)
        throw new Error(`no guest can be forked: ${this.keeper.whyNotForked}`);
      this.#failures = 0;
      return complaint;
    } catch (error) {
      this.#failures++;
      this.#notBefore = Date.now() + RETRY_MS;
      return (error as Error).message;
    }
  }

  /** Null when the job wants an interpreter of its own, or there is no parent. */
  fork(job: GuestJob): ForkedGuest | null {
    const parent = this.#parent;
    const order = parent !== null && suits(job, parent) ? orderOf(job) : null;
    if (parent !== null && order !== null && order.length <= MOST_BYTES) {
      if (this.#spare !== null && !isFresh(this.#spare)) this.#discardSpare();
      const child = this.#spare ?? this.#forkOne(parent);
      this.#spare = null;
      if (child !== null) return { ...child, order, inheritance: parent.inheritance };
    }
    // The keeper has one guest at a time.
    this.#discardSpare();
    return null;
  }

  /** Null when the parent is no more. */
  #forkOne(parent: Parent): Spare | null {
    const guest = this.keeper.fork(SPARE_LIVES_MS);
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
        // Until it asks, what it does is not its program's.
        const asked = channel.nextRequest();
        if (asked !== null && isCall(asked, 'read')) return { guest, channel, asked, since: Date.now() };
      }
      throw new Error('a child does not ask for its order');
    } catch (error) {
      // The keeper has one guest at a time: one that nobody knows of would be in the way of every run to come.
      this.#discard(guest);
      throw error;
    }
  }

  #discardSpare(): void {
    if (this.#spare !== null) this.#discard(this.#spare.guest);
    this.#spare = null;
  }

  #discard(guest: StartedGuest): void {
    this.keeper.kill();
    this.keeper.ended();
    guest.close();
  }

  #isOld(parent: Parent): boolean {
    const { children, since, stamp } = parent;
    return children >= MOST_CHILDREN || Date.now() - since > OLDEST_MS || stamp !== stampOfInterpreter();
  }

  #start(): Parent {
    demandInterpreterFiles(INTERPRETER);
    const engine = engineOf(INTERPRETER);
    const stamp = stampOfInterpreter();
    const guest = this.keeper.start({
      kind: 'parked',
      executable: engine.executable,
      argv: [engine.argv0, 'main.py'],
      env: { ...environmentOf(RUN_FOLDER), PYTHONPATH: FOLDER },
      deterministic: false,
      cpu: this.cpu,
      startupMs: PARKS_WITHIN_MS,
    });
    let parked: ReturnType<typeof serveUntilParked> = null;
    try {
      parked = serveUntilParked(
        new Channel(new DescriptorTransport(guest.requests, guest.replies), 'linux'),
        engine,
        this.profile,
      );
      if (parked === null || !this.keeper.park()) throw new RunRefusedError('the parent did not get to park');
      return { ...parked, since: Date.now(), stamp, children: 0 };
    } catch (error) {
      this.keeper.kill();
      this.keeper.ended();
      throw error;
    } finally {
      guest.close();
    }
  }
}

const INTERPRETER = { engine: 'seccomp' } as const;

/** Its file may have been replaced, or be missing. */
function stampOfInterpreter(): string | null {
  try {
    return stampOfFile(PYPY3_PATH);
  } catch {
    return null;
  }
}

/** Somebody may have killed it meanwhile. */
function isFresh({ guest, since }: Spare): boolean {
  return Date.now() - since <= OLDEST_MS && guest.figures.isAlive;
}

/** Answers the calls of a parent until it asks for its program. */
function serveUntilParked(channel: Channel, engine: Engine, profile: readonly string[]) {
  if (!greet(channel)) return null;
  const names = profile.map((name) => JSON.stringify(name)).join(', ');
  const source = `PROFILE = [${names}]\nCALL_FD = ${CALL_FD}\nFIRST_BYTES = ${FIRST_BYTES}\n${PARKED}`;
  const said = new CaptureOutput();
  const kernel = new GuestKernel(engine.surface, {
    limits: completeLimits({}),
    stdin: { read: () => Buffer.alloc(0) },
    stdout: said,
    stderr: said,
    cwd: RUN_FOLDER,
    files: [{ path: posix.join(FOLDER, 'sitecustomize.py'), data: Buffer.from(source) }],
    hostMounts: engine.mounts,
    argv: [engine.argv0, 'main.py'],
    executable: engine.virtualExecutable,
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
      if (inheritance === null) throw new Error('the parent holds what a child would not have');
      channel.park();
      // Its modules are what it tells last.
      const modules: ReadonlySet<string> = new Set(told.pop()?.split('\0'));
      return { inheritance, modules, complaint: told.pop() ?? null };
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

/** Answers a child that waits for its order. False when it has ended meanwhile. */
export function sendOrder({ channel, asked, order }: ForkedGuest): boolean {
  let request: Request | null = asked;
  for (let sent = 0; sent < order.length; ) {
    request ??= channel.nextRequest();
    if (request === null) return false;
    // No program has run yet: it would be our mistake.
    if (!isCall(request, 'read'))
      throw new Error(`a child asks for ${request.signature.text}, and not for its order`);
    const part = order.subarray(sent, sent + (request.args[2] ?? 0));
    channel.write(request.args[1] ?? 0, part);
    channel.returnInt(part.length);
    sent += part.length;
    request = null;
  }
  return true;
}

/** Arguments, variables and program of a run, and something for its generator of numbers, as parked.py reads them. */
function orderOf(job: GuestJob): Buffer | null {
  const program = programOf(job);
  if (program === null) return null;
  const argv = wordsOfProgram(job);
  const variables = Object.entries(environmentOf(job.folder, job.env)).flat();
  const words = [
    randomBytes(64).toString('hex'),
    argv.length,
    variables.length / 2,
    ...argv,
    ...variables,
    '',
  ];
  const order = Buffer.concat([Buffer.from(words.join('\0')), program]);
  return Buffer.concat([Buffer.from(`${order.length}\0`), order]);
}

/** The text of a program that is a file of the run; null where it is none, or may be an archive or compiled. */
function programOf(job: GuestJob): Buffer | null {
  if (job.programPath === null || /\.py[co]$/.test(job.programPath)) return null;
  const path = posix.resolve(job.folder, job.programPath);
  const data = job.files.findLast((file) => file.path === path)?.data ?? null;
  return data === null || Buffer.from(data).includes(END_OF_ARCHIVE) ? null : Buffer.from(data);
}

/** Whether a child would be what an interpreter of its own would be to this job. */
function suits(job: GuestJob, parent: Parent): boolean {
  return (
    job.interpreter.engine === 'seccomp' &&
    job.deterministic === null &&
    job.output !== 'pass-through' &&
    job.folder === RUN_FOLDER &&
    parent.stamp === stampOfInterpreter() &&
    // A user's own modules, which the interpreter imports before the program (site.py): the parent has none.
    !job.files.some((file) => file.path.includes('/.local/')) &&
    // The parent has begun already.
    !hasEarlyVariable(job.env) &&
    !job.files.some((file) => parent.modules.has(moduleOf(file.path)))
  );
}

/** The name that the first part of a path below the folder could be imported by: it would stand before the library's. */
function moduleOf(path: string): string {
  const [first = ''] = posix.relative(RUN_FOLDER, path).split('/');
  return first.replace(/\.(py|pyc|.*\.so|so)$/, '');
}
