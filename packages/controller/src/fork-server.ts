import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { KeeperClient, StartedGuest } from '@sandpiper/guest';
import { GuestKernel, HostClock, type Inheritance } from '@sandpiper/kernel';
import { completeLimits } from '@sandpiper/contracts';
import { Channel, DescriptorTransport, type Request } from '@sandpiper/protocol';
import { RunRefusedError } from './enforceable.js';
import { type Engine, engineOf } from './engines.js';
import { greet, STARTUP_MS } from './handshake.js';
import { argvOf, type GuestJob, RUN_FOLDER } from './job.js';
import { environmentOf } from './environment.js';

/** What is imported before the fork where nobody says otherwise: what programs of classes and contests use. */
export const DEFAULT_PROFILE: readonly string[] = [
  'abc bisect collections collections.abc copy dataclasses datetime enum fractions functools heapq io itertools json math',
  'operator os os.path random re statistics string struct sys textwrap threading time traceback types typing unittest',
].flatMap((line) => line.split(' '));

/** No descriptor of the virtual kernel: its table ends at 4096. */
const CALL_FD = 5000;
/** An order that is longer wants a guest of its own. */
const ORDER_BYTES = 64 * 1024;
/** Where parked.py lies in the parent's name space; no child sees it. */
const FOLDER = '/sandpiper';
/** A parent is replaced after so many children or so long: nothing in it may grow old, its addresses neither. */
const MOST_CHILDREN = 1000;
const OLDEST_MS = 10 * 60_000;
/** The keeper ends a child that has had no order for so long; before that it is exchanged. */
const SPARE_LIVES_MS = OLDEST_MS + 60_000;
/** After so many parents in a row that never got to park, there is none any more. */
const MOST_FAILURES = 3;

/** Variables that an interpreter obeys before its program begins: the parent has begun already. */
const EARLY_VARIABLES = /^(PYTHON|PYPY|LC_|LANG|LANGUAGE$|TZ|GLIBC_|MALLOC_|LD_)/;

const PARKED = readFileSync(new URL('../guest/parked.py', import.meta.url), 'utf8');

/** A child that waits for its order. */
interface Spare {
  readonly guest: StartedGuest;
  readonly channel: Channel;
  readonly since: number;
}

interface Parent {
  readonly inheritance: Inheritance;
  /** All modules that it has loaded. */
  readonly modules: ReadonlySet<string>;
  /** Of modules of the profile that could not be imported. */
  readonly complaint: string | null;
  readonly since: number;
  children: number;
}

/** A guest that was forked and waits for its order, and what its kernel begins with. */
export interface ForkedGuest {
  readonly guest: StartedGuest;
  readonly channel: Channel;
  readonly inheritance: Inheritance;
}

/**
 * The parked parent of one cell's guests (packages/guest/native/shim/fork.c). Whoever finds none starts a guest the long
 * way: nothing fails for want of a parent.
 */
export class ForkServer {
  #parent: Parent | null = null;
  #spare: Spare | null = null;
  #failures = 0;

  constructor(
    private readonly keeper: KeeperClient,
    private readonly profile: readonly string[],
    private readonly cpu: number | null,
  ) {}

  /** Whether {@link prepare} has something to do. */
  get wanting(): boolean {
    if (this.#failures >= MOST_FAILURES) return false;
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
      if (this.#parent === null || this.#isOld(this.#parent)) {
        this.#discardSpare();
        this.#parent = null;
        this.#parent = this.#start();
        complaint = this.#parent.complaint;
      }
      this.#spare ??= this.#forkOne(this.#parent);
      this.#failures = 0;
      return complaint;
    } catch (error) {
      this.#failures++;
      return (error as Error).message;
    }
  }

  /** Null when the job wants an interpreter of its own, or there is no parent. */
  fork(job: GuestJob): ForkedGuest | null {
    const parent = this.#parent;
    if (parent !== null && suits(job, parent)) {
      if (this.#spare !== null && Date.now() - this.#spare.since > OLDEST_MS) this.#discardSpare();
      const child = this.#spare ?? this.#forkOne(parent);
      this.#spare = null;
      if (child !== null) return { ...child, inheritance: parent.inheritance };
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
    const channel = new Channel(new DescriptorTransport(guest.requests, guest.replies), 'linux');
    const spare = { guest, channel, since: Date.now() };
    const request = channel.nextRequest();
    if (request !== null && isCall(request, 'read')) {
      channel.returnInt(0);
      return spare;
    }
    this.#discard(spare);
    throw new Error(`a child begins with ${request?.signature.text ?? 'its end'}`);
  }

  #discardSpare(): void {
    if (this.#spare !== null) this.#discard(this.#spare);
    this.#spare = null;
  }

  #discard({ guest }: Spare): void {
    this.keeper.kill();
    this.keeper.ended();
    guest.close();
  }

  #isOld(parent: Parent): boolean {
    return parent.children >= MOST_CHILDREN || Date.now() - parent.since > OLDEST_MS;
  }

  #start(): Parent {
    const engine = engineOf({ engine: 'seccomp' });
    const guest = this.keeper.start({
      kind: 'parked',
      executable: engine.executable,
      argv: [engine.argv0, 'main.py'],
      env: { ...environmentOf(RUN_FOLDER), PYTHONPATH: FOLDER },
      deterministic: false,
      cpu: this.cpu,
      startupMs: STARTUP_MS,
    });
    let parked: ReturnType<typeof serveUntilParked> = null;
    try {
      parked = serveUntilParked(
        new Channel(new DescriptorTransport(guest.requests, guest.replies), 'linux'),
        engine,
        this.profile,
      );
      if (parked === null || !this.keeper.park()) throw new RunRefusedError('the parent did not get to park');
      return { ...parked, since: Date.now(), children: 0 };
    } catch (error) {
      this.keeper.kill();
      this.keeper.ended();
      throw error;
    } finally {
      guest.close();
    }
  }
}

/** Answers the calls of a parent until it asks for its program. */
function serveUntilParked(channel: Channel, engine: Engine, profile: readonly string[]) {
  if (!greet(channel)) return null;
  const names = profile.map((name) => JSON.stringify(name)).join(', ');
  const source = `PROFILE = [${names}]\nCALL_FD = ${CALL_FD}\nORDER_BYTES = ${ORDER_BYTES}\n${PARKED}`;
  const said: Buffer[] = [];
  const stderr = { write: (data: Buffer) => void said.push(data) };
  const kernel = new GuestKernel(engine.surface, {
    limits: completeLimits({}),
    stdin: { read: () => Buffer.alloc(0) },
    stdout: stderr,
    stderr,
    cwd: RUN_FOLDER,
    files: [{ path: posix.join(FOLDER, 'sitecustomize.py'), data: Buffer.from(source) }],
    hostMounts: engine.mounts,
    argv: [engine.argv0, 'main.py'],
    executable: engine.virtualExecutable,
    env: {},
    clock: new HostClock(),
    randomBytes,
  });
  let modules: ReadonlySet<string> | null = null;
  let complaint: string | null = null;
  for (;;) {
    const request = channel.nextRequest();
    if (request === null) throw new Error(`the parent has ended: ${lastLine(said)}`);
    const { name } = request.signature;
    const [, address = 0, size = 0] = request.args;
    if (isCall(request, 'write')) {
      const text = channel.read(address, size).toString();
      if (modules === null) modules = new Set(text.split('\0'));
      else complaint = text;
      channel.returnInt(size);
    } else if (isCall(request, 'read')) {
      const inheritance = kernel.inheritance();
      if (inheritance === null) throw new Error('the parent holds what a child would not have');
      channel.park();
      return { inheritance, modules: modules ?? new Set<string>(), complaint };
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

function lastLine(said: readonly Buffer[]): string {
  return Buffer.concat(said).toString('utf8').trimEnd().split('\n').at(-1) ?? '';
}

/** What a child asks for first: the arguments and variables of its run, and something for its generator of numbers. */
export function answerOrder(channel: Channel, request: Request, order: Buffer): boolean {
  if (!isCall(request, 'read')) return false;
  channel.write(request.args[1] ?? 0, order);
  channel.returnInt(order.length);
  return true;
}

export function orderOf(job: GuestJob): Buffer {
  const argv = argvOf(job);
  const variables = Object.entries(environmentOf(job.folder, job.env)).flat();
  return Buffer.from(
    [randomBytes(64).toString('hex'), String(argv.length), ...argv, ...variables].join('\0'),
  );
}

/** Whether a child would be what an interpreter of its own would be to this job. */
function suits(job: GuestJob, parent: Parent): boolean {
  return (
    job.interpreter.engine === 'seccomp' &&
    job.deterministic === null &&
    job.programPath !== null &&
    job.output !== 'pass-through' &&
    job.folder === RUN_FOLDER &&
    !Object.keys(job.env).some((name) => EARLY_VARIABLES.test(name)) &&
    !job.files.some((file) => parent.modules.has(moduleOf(file.path))) &&
    orderOf(job).length <= ORDER_BYTES
  );
}

/** The name that the first part of a path below the folder could be imported by: it would stand before the library's. */
function moduleOf(path: string): string {
  const [first = ''] = posix.relative(RUN_FOLDER, path).split('/');
  return first.replace(/\.(py|pyc|.*\.so|so)$/, '');
}
