import type { KeeperClient, StartedGuest } from '@sandpiper/guest';
import { engineTraits, type TranslatedInterpreter } from '../../crossing/engines.js';
import { OLDEST_MS, WARM_LIVES_MS } from './fork-server.js';
import { inspectTranslated, STARTUP_MS } from './handshake.js';
import { stampOfFile } from '../../crossing/interpreter-files.js';
import { argvOf, type GuestJob } from '../../crossing/job.js';

/** The arguments of nearly every run: only the binary's name and these are known before there is a job. */
const ARGV = ['main.py'];

/** A guest that was started ahead of its run, and the functions of its binary that have no row in the table. */
export interface WaitingGuest {
  readonly guest: StartedGuest;
  readonly unanswered: readonly string[];
}

interface Waiting extends WaitingGuest {
  readonly interpreter: TranslatedInterpreter;
  readonly stamp: string;
  readonly since: number;
}

/**
 * The shim cannot fork a translated interpreter, as it is no party to its calls. So one is started ahead of
 * its run, and waits at its first message until a run takes it.
 */
export class WaitingStart {
  #waiting: Waiting | null = null;

  constructor(
    private readonly keeper: KeeperClient,
    private readonly cpu: number | null,
  ) {}

  get isThere(): boolean {
    return this.#waiting !== null && Date.now() - this.#waiting.since <= OLDEST_MS;
  }

  prepare(interpreter: TranslatedInterpreter): void {
    if (this.isThere) return;
    this.discard();
    const traits = engineTraits(interpreter);
    const stamp = stampOfFile(traits.executable);
    // If the file is replaced meanwhile, its stamp differs by the time a run could take the guest.
    const unanswered = inspectTranslated(traits, this.keeper);
    const guest = this.keeper.start({
      kind: traits.kind,
      executable: traits.executable,
      argv: [traits.argv0, ...ARGV],
      env: {},
      deterministic: false,
      cpu: this.cpu,
      startupMs: WARM_LIVES_MS,
    });
    this.#waiting = { guest, unanswered, interpreter, stamp, since: Date.now() };
  }

  /** Null when there is none, or none equivalent to a new one for this job; then none is left either. */
  take(job: GuestJob): WaitingGuest | null {
    const waiting = this.#waiting;
    if (waiting === null) return null;
    if (!this.isThere || !suits(job, waiting)) {
      this.discard();
      return null;
    }
    this.#waiting = null;
    this.keeper.startsNow(STARTUP_MS);
    return waiting;
  }

  discard(): void {
    if (this.#waiting === null) return;
    this.keeper.kill();
    this.keeper.ended();
    this.#waiting.guest.close();
    this.#waiting = null;
  }
}

function suits(job: GuestJob, { guest, interpreter, stamp }: Waiting): boolean {
  return (
    job.interpreter.engine === 'rpython' &&
    job.interpreter.executable === interpreter.executable &&
    job.interpreter.library === interpreter.library &&
    job.deterministic === null &&
    argvOf(job).join('\0') === ARGV.join('\0') &&
    stamp === stampOfFile(interpreter.executable) &&
    guest.figures.isAlive
  );
}
