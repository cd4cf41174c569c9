/**
 * What every message is: a name, which logs and metrics may show, and what goes with it, which they never
 * see.
 */
export interface Message {
  readonly type: string;
}

/**
 * What happens in actors, for logs and metrics. Holds names and numbers and no message: those may be
 * somebody's secret.
 */
export type Inspection =
  | { readonly type: 'started'; readonly actor: string }
  /** `dropped`: messages that had been accepted and were not handled any more. */
  | { readonly type: 'stopped'; readonly actor: string; readonly dropped: number }
  | { readonly type: 'message'; readonly actor: string; readonly message: string }
  /** The sender was told `full`. */
  | {
      readonly type: 'overflow';
      readonly actor: string;
      readonly message: string;
      readonly capacity: number;
    }
  /** A handler threw: a fault of ours, and the end of this actor. */
  | { readonly type: 'failed'; readonly actor: string; readonly error: Error }
  | {
      readonly type: 'transition';
      readonly actor: string;
      readonly from: string;
      readonly event: string;
      readonly to: string;
      readonly effects: readonly string[];
    }
  /** A child died, of so many deaths in a row, and will be started again after `delayMs`. */
  | {
      readonly type: 'restart';
      readonly actor: string;
      readonly failures: number;
      readonly delayMs: number;
      readonly error: Error;
    }
  /**
   * It died as often as it may within `windowMs`: its supervisor tells whoever is above. It goes on being
   * restarted.
   */
  | {
      readonly type: 'escalated';
      readonly actor: string;
      readonly failures: number;
      readonly windowMs: number;
      readonly error: Error;
    }
  | { readonly type: 'recovered'; readonly actor: string };

export type Inspect = (event: Inspection) => void;

/** Whoever looks on must not be able to break what is looked at. */
export function harmless(inspect: Inspect | undefined): Inspect {
  return (event) => {
    try {
      inspect?.(event);
    } catch {
      // A log or a metric less.
    }
  };
}
