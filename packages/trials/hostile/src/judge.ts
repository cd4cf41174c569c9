import { bytesOf, type RunResult, textOf } from '@sandpiper/contracts';
import type { Expectation } from './behaviour.js';

/** How much later than its limit a run may end, milliseconds, by the keeper's own figures. */
const LATE_DEATH_MS = 500;

/** What is not as expected, in lines. */
export function deviationsOf(result: RunResult, expected: Expectation): string[] {
  const faults: string[] = [];
  const wanted: readonly string[] = typeof expected.status === 'string' ? [expected.status] : expected.status;
  if (!wanted.includes(result.status)) {
    faults.push(`status ${result.status} (${result.message}) where ${wanted.join(' or ')} is expected`);
  }
  if (expected.exitCode !== undefined && result.exitCode !== expected.exitCode)
    faults.push(`exit code ${result.exitCode} where ${expected.exitCode} is expected`);
  if (expected.signal !== undefined && result.signal !== expected.signal)
    faults.push(`signal ${result.signal} where ${expected.signal} is expected`);
  const stdout = textOf(result, 'stdout');
  const stderr = textOf(result, 'stderr');
  if (!agrees(stdout, expected.stdout)) faults.push(`stdout is ${short(stdout)}`);
  if (!agrees(stderr, expected.stderr)) faults.push(`stderr is ${short(stderr)}`);
  if (faults.length > 0 && stderr !== '') faults.push(`stderr says ${short(stderr)}`);
  if (faults.length > 0 && stdout !== '') faults.push(`stdout says ${short(stdout)}`);
  if (result.status === 'ok' ? result.message !== null : !isReason(result.message))
    faults.push(`the reason is ${JSON.stringify(result.message)}`);
  if (expected.message !== undefined && !expected.message.test(result.message ?? ''))
    faults.push(`the reason is ${JSON.stringify(result.message)}, which is not ${expected.message.source}`);
  return faults;
}

/** One line in words: no place in our code, and nothing that a person would have to ask about. */
function isReason(message: string | null): boolean {
  return (
    message !== null &&
    /^[^\n]{8,300}$/.test(message) &&
    !/undefined|NaN|\[object|\bat \S+:\d+|\.js\b|\.ts\b|^[A-Z]\w*Error\b/.test(message)
  );
}

/** Dead within its limits and a little more. */
export function judgeTimes({ usage, limits }: RunResult): string[] {
  const faults: string[] = [];
  if (usage.cpuMs > limits.cpuMs + LATE_DEATH_MS)
    faults.push(`it had ${Math.round(usage.cpuMs)} ms of CPU time where ${limits.cpuMs} is the limit`);
  if (usage.wallMs > limits.wallMs + LATE_DEATH_MS)
    faults.push(`it lived ${Math.round(usage.wallMs)} ms where ${limits.wallMs} is the limit`);
  return faults;
}

/** The longest result, as a multiple of its output limit, in bytes of JSON, whatever the output's bytes. */
const MAX_ENCODED = 1.4;
/** For all of it but the output, bytes. */
const REST_BYTES = 64 * 1024;

/** A result is stored and sent as JSON: it may not be many times what the program wrote. */
export function judgeSize(result: RunResult): string[] {
  const bytes = Buffer.byteLength(JSON.stringify(result));
  const most = MAX_ENCODED * result.limits.outputBytes + REST_BYTES;
  return bytes <= most ? [] : [`the result has ${bytes} bytes where ${Math.round(most)} are allowed`];
}

/** Which of those texts the result shows, in any of its fields. */
export function leaks(result: RunResult, secrets: ReadonlyMap<string, string>): string[] {
  const { outputs = [] } = result;
  const decoded = [
    bytesOf(result, 'stdout'),
    bytesOf(result, 'stderr'),
    ...outputs.map((file) => bytesOf(file, 'content')),
  ].map((bytes) => bytes.toString('latin1'));
  const all = [JSON.stringify(result), ...decoded].join('\n');
  return [...secrets].flatMap(([text, what]) => (all.includes(text) ? [`the result shows ${what}`] : []));
}

function agrees(text: string, expected: string | RegExp | undefined): boolean {
  if (expected === undefined) return true;
  return typeof expected === 'string' ? text === expected : expected.test(text);
}

function short(text: string): string {
  return JSON.stringify(text.length > 600 ? `${text.slice(0, 300)} ... ${text.slice(-300)}` : text);
}
