import type { AdmittedRequest, RunResult } from '@sandpiper/contracts';
import type { LiveStreams } from '@sandpiper/controller';

/** The interface of a cell as a node uses it. The controller implements it; tests have a fake. */
export interface CellLike {
  /**
   * Rejects only for a fault that is not the program's: the run is then retried elsewhere.
   * @param streams the streams of a live run
   */
  run(
    job: { id: string; request: AdmittedRequest; attempt: number },
    streams?: LiveStreams | null,
  ): Promise<RunResult>;
  /** Sends SIGINT to the program, if that run is the current one. */
  interrupt(runId: string): void;
  /** Kills the guest; `run` then resolves with the status `cancelled`. */
  cancel(runId: string): void;
  close(): Promise<void>;
  /** Resolves when the cell died (with the error) or was closed (with null). */
  readonly closed: Promise<Error | null>;
}

export interface CellSpec {
  readonly id: number;
  readonly cpu: number | null;
  readonly node: string | null;
}

export type CellFactory = (spec: CellSpec) => Promise<CellLike>;
