import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Log levels, from the most to the least verbose. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Fields with untrusted content (a program, its input, its output) or secrets. Redaction is the second line
 * of defence; the first is that no code logs a whole request or result.
 */
const PRIVATE_FIELDS = [
  'source',
  'stdin',
  'stdinBase64',
  'expected',
  'expectedBase64',
  'stdout',
  'stdoutBase64',
  'stderr',
  'stderrBase64',
  'combined',
  'combinedBase64',
  'files',
  'content',
  'contentBase64',
  'args',
  'env',
  'authorization',
  'cookie',
  'password',
] as const;

/**
 * How deep a private field may hide: `x`, `a.x` ... `a.b.c.x`. pino's wildcards stand for exactly one level
 * each.
 */
const DEPTHS = ['', '*.', '*.*.', '*.*.*.'] as const;

const REDACTED_PATHS = DEPTHS.flatMap((depth) => PRIVATE_FIELDS.map((field) => `${depth}${field}`));

export interface LoggerOptions {
  /** The name of the service, in every line. */
  readonly service: string;
  readonly level?: LogLevel;
  /** More fields for every line, e.g. the node's name. */
  readonly base?: Readonly<Record<string, string | number>>;
  /** Default: standard output. */
  readonly destination?: DestinationStream;
}

/**
 * The logger of a service: one JSON object per line, with an ISO time and a readable level. Program text,
 * input, output, environment and credentials are replaced by `[redacted]` up to four levels deep.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: { service: options.service, pid: process.pid, ...options.base },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: [...REDACTED_PATHS], censor: '[redacted]' },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}
