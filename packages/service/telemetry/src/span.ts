/** What stands beside a span; never a word of a program, its input or its output. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

interface SpanOptions {
  /** W3C trace context (`traceparent`) of what this is a part of; '' begins a trace. */
  readonly parent: string;
  readonly kind?: 'internal' | 'server' | 'client' | 'consumer';
  /** Milliseconds since the epoch; default now. */
  readonly startedAt?: number;
  readonly attributes?: SpanAttributes;
}

export interface SpanEnd {
  /** Milliseconds since the epoch; default now. Never taken as before the start. */
  readonly at?: number;
  /** Why it counts as failed, in words of ours. */
  readonly error?: string;
}

/** A piece of work with a beginning and an end. */
export interface Span {
  /** Its own trace context, for what is done as a part of it, here or elsewhere. */
  readonly traceparent: string;
  set(attributes: SpanAttributes): void;
  /** The first call counts. */
  end(end?: SpanEnd): void;
}

export interface Tracing {
  span(name: string, options: SpanOptions): Span;
  /** Sends what is left, within seconds. */
  close(): Promise<void>;
}

/** Where nobody collects traces: costs nothing, and hands on the context of whoever called us. */
export const NO_TRACING: Tracing = {
  span: (_name, { parent }) => ({ traceparent: parent, set: () => undefined, end: () => undefined }),
  close: () => Promise.resolve(),
};

/** Version, trace, parent, flags (https://www.w3.org/TR/trace-context/#traceparent-header). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The trace context of a header, or '' where there is none that may be gone on with. */
export function traceparentOf(header: unknown): string {
  return typeof header === 'string' && TRACEPARENT.test(header) ? header : '';
}
