import type { AdmittedRequest, RunResult } from '@sandpiper/contracts';
import type { LiveStreams } from '@sandpiper/controller';

/** What a node needs of a cell. The real one is the controller's; tests bring their own. */
export interface CellLike {
  /**
   * Rejects only for what is not the program's doing: the run is then tried elsewhere.
   * @param streams of a live run
   */
  run(
    job: { id: string; request: AdmittedRequest; attempt: number },
    streams?: LiveStreams | null,
  ): Promise<RunResult>;
  /** Sends the program SIGINT, if it is the one that runs here. */
  interrupt(runId: string): void;
  /** Kills the guest; `run` then resolves with the status `cancelled`. */
  cancel(runId: string): void;
  close(): Promise<void>;
  /** Resolves when the cell died (with why) or was closed (with null). */
  readonly closed: Promise<Error | null>;
}

export interface CellPlace {
  readonly id: number;
  readonly cpu: number | null;
  readonly node: string | null;
}

export type CellFactory = (place: CellPlace) => Promise<CellLike>;
