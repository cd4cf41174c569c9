/** Every message has a name, which logs and metrics may show, and content, which they never see. */
export interface Message {
  readonly type: string;
}

/**
 * Events of actors, for logs and metrics. They contain names and numbers but no messages, which may be
 * secret.
 */
export type Inspection =
  | { readonly type: 'started'; readonly actor: string }
  /** `dropped`: accepted messages that were not handled. */
  | { readonly type: 'stopped'; readonly actor: string; readonly dropped: number }
  | { readonly type: 'message'; readonly actor: string; readonly message: string }
  /** The sender was told `full`. */
  | {
      readonly type: 'overflow';
      readonly actor: string;
      readonly message: string;
      readonly capacity: number;
    }
  /** A handler threw: a bug of ours, and the end of this actor. */
  | { readonly type: 'failed'; readonly actor: string; readonly error: Error }
  | {
      readonly type: 'transition';
      readonly actor: string;
      readonly from: string;
      readonly event: string;
      readonly to: string;
      readonly effects: readonly string[];
    }
  /** A child died, with this number of deaths in a row, and will be restarted after `delayMs`. */
  | {
      readonly type: 'restart';
      readonly actor: string;
      readonly failures: number;
      readonly delayMs: number;
      readonly error: Error;
    }
  /** It died the maximum number of times within `windowMs`: its supervisor escalates. Restarts continue. */
  | {
      readonly type: 'escalated';
      readonly actor: string;
      readonly failures: number;
      readonly windowMs: number;
      readonly error: Error;
    }
  | { readonly type: 'recovered'; readonly actor: string };

export type Inspect = (event: Inspection) => void;

/** An inspector must not be able to break the actor. */
export function harmless(inspect: Inspect | undefined): Inspect {
  return (event) => {
    try {
      inspect?.(event);
    } catch {
      // At worst a log line or a metric is lost.
    }
  };
}
