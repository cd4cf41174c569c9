/** Attributes of a span; never text of a program, its input or its output. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

interface SpanOptions {
  /** W3C trace context (`traceparent`) of the parent; '' begins a trace. */
  readonly parent: string;
  readonly kind?: 'internal' | 'server' | 'client' | 'consumer';
  /** Milliseconds since the epoch; default now. */
  readonly startedAt?: number;
  readonly attributes?: SpanAttributes;
}

export interface SpanEnd {
  /** Milliseconds since the epoch; default now. Clamped to the start. */
  readonly at?: number;
  /** Why it counts as failed, in our own words. */
  readonly error?: string;
}

/** A traced piece of work. */
export interface Span {
  /** Its trace context, for child spans here or in other processes. */
  readonly traceparent: string;
  set(attributes: SpanAttributes): void;
  /** The first call counts. */
  end(end?: SpanEnd): void;
}

export interface Tracing {
  span(name: string, options: SpanOptions): Span;
  /** Sends the remaining spans, within seconds. */
  close(): Promise<void>;
}

/** Used when tracing is off: costs nothing, and passes the caller's context on. */
export const NO_TRACING: Tracing = {
  span: (_name, { parent }) => ({ traceparent: parent, set: () => undefined, end: () => undefined }),
  close: () => Promise.resolve(),
};

/** Version, trace, parent, flags (https://www.w3.org/TR/trace-context/#traceparent-header). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace context of a header, or '' without a valid one to continue. */
export function traceparentOf(header: unknown): string {
  return typeof header === 'string' && TRACEPARENT.test(header) ? header : '';
}
