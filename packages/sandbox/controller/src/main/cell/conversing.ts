import type { AdmittedInteractor, RunResult } from '@sandpiper/contracts';
import type { GuestJob } from '../../crossing/job.js';
import { Conversation, type Speaker } from './conversation.js';
import type { LiveStreams } from './live-relay.js';
import { type Interpreters, jobsOfConversation, type RequestedRun } from './request-job.js';

/** A cell, as far as a conversation needs it. */
interface Talker {
  runJob(job: GuestJob, streams: LiveStreams): Promise<RunResult>;
  endGuest(runId: string): void;
}

const DEADLOCK_MESSAGE = 'the program and its interactor both waited for input';

/** A run and its interactor, each in a cell of its own. */
export class Conversing {
  readonly #conversation: Conversation;
  #talkers: readonly Talker[] = [];
  #isCancelled = false;

  constructor(
    private readonly requested: RequestedRun,
    private readonly interactor: AdmittedInteractor,
    private readonly interpreters: Interpreters,
  ) {
    this.#conversation = new Conversation(interactor.conversationBytes ?? 0, () => this.#end());
  }

  /** Rejects when either sandbox fails; both guests are gone then. */
  async run(first: Talker, second: Talker): Promise<RunResult> {
    const jobs = jobsOfConversation(this.requested, this.interactor, this.interpreters);
    this.#talkers = [first, second];
    const running = [
      this.#runSide('program', first, jobs.program),
      this.#runSide('interactor', second, jobs.interactor),
    ] as const;
    if (this.#isCancelled) this.#end();
    const [program, interactor] = await Promise.allSettled(running);
    if (program.status === 'rejected') throw program.reason;
    if (interactor.status === 'rejected') throw interactor.reason;
    return this.#joined(program.value, interactor.value);
  }

  /** It may come before the guests run. */
  cancel(runId: string): void {
    if (runId !== this.requested.id || this.#isCancelled) return;
    this.#isCancelled = true;
    this.#end();
  }

  async #runSide(speaker: Speaker, talker: Talker, job: GuestJob): Promise<RunResult> {
    try {
      return await talker.runJob(job, this.#conversation.streamsOf(speaker));
    } catch (error) {
      this.#end();
      throw error;
    } finally {
      this.#conversation.end(speaker);
    }
  }

  #end(): void {
    for (const talker of this.#talkers) talker.endGuest(this.requested.id);
  }

  #joined(program: RunResult, interactor: RunResult): RunResult {
    const { endedFirst, endedWaiting, utterances, isTruncated } = this.#conversation;
    const isDeadlock = endedFirst === 'neither' && !this.#isCancelled;
    const keeps = (this.interactor.conversationBytes ?? 0) > 0;
    return {
      ...(isDeadlock ? deadlocked(program) : program),
      interactor: isDeadlock ? deadlocked(interactor) : interactor,
      ...(endedFirst === null ? {} : { endedFirst, endedWaiting }),
      ...(keeps ? { conversation: utterances, conversationTruncated: isTruncated } : {}),
    };
  }
}

/** One of the two may have met a limit of its own before it was ended. */
function deadlocked(result: RunResult): RunResult {
  if (result.status !== 'cancelled') return result;
  return { ...result, status: 'deadlock', message: DEADLOCK_MESSAGE };
}
