import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SHIM_PATH } from '@sandpiper/guest';
import { beforeAll, describe, expect, it } from 'vitest';

/**
 * The filter on the real kernel: a locked-down process makes every call, and the outcome is compared with the
 * policy's rows (native/test/try_syscall.c). The filter is compiled from those rows, so a superfluous row
 * would be in both; so the allowed calls are listed here again, by hand.
 */

const TRY_SYSCALL = fileURLToPath(new URL('../native/build/try-syscall', import.meta.url));

interface Call {
  readonly subject: string;
  readonly way: string;
  readonly number: number;
  readonly args: string;
  readonly expected: string;
  readonly seen: string;
}

const calls: Call[] = [];
const differences: string[] = [];

beforeAll(() => {
  // A thousand deadly calls are a thousand processes: x32 as a whole is tried with one filter per engine.
  tryAll('--thorough', 'guest', 'translated');
  tryAll('virtual-time', 'parent', 'child');
  // Half a minute of CPU time, which a busy host stretches.
}, 300_000);

function tryAll(...what: string[]): void {
  const tried = spawnSync(TRY_SYSCALL, ['--shim', SHIM_PATH, '--table', ...what], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  expect(tried.stderr).toBe('');
  for (const line of tried.stdout.split('\n')) {
    const [subject = '', way = '', number, args = '', expected = '', seen = ''] = line.split('\t');
    if (subject.startsWith('#')) process.stdout.write(`${line}\n`);
    else if (subject === 'DIFFERS') differences.push(line);
    else if (subject !== '') calls.push({ subject, way, number: Number(number), args, expected, seen });
  }
}

/** Numbers of the calls without arguments that were neither trapped, refused nor deadly. */
function native(subject: string, way: string): number[] {
  const numbers = calls
    .filter((call) => call.subject === subject && call.way === way && call.args === '')
    .filter((call) => call.expected === 'allow')
    .map((call) => call.number)
    .filter((number) => number < 1024);
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}

const MPROTECT = 10;
const MUNMAP = 11;
const BRK = 12;
const RT_SIGRETURN = 15;
const MREMAP = 25;
const MADVISE = 28;
const EXIT = 60;
const RESTART_SYSCALL = 219;
const EXIT_GROUP = 231;

/** Both ends included. */
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** And futex, of the four private operations: none of them is 0. */
const ANYWHERE = [MPROTECT, RT_SIGRETURN, MADVISE, EXIT, RESTART_SYSCALL];
const AT_GATE = [MUNMAP, BRK, MREMAP, EXIT_GROUP];
const sorted = (...numbers: number[]) => numbers.toSorted((a, b) => a - b);

describe('every call under every filter', () => {
  it('ends as the policy says', () => expect(differences).toEqual([]));

  it.each([
    ['guest', 1024],
    ['virtual-time', 6],
    ['parent', 6],
    ['child', 6],
    ['translated', 1024],
  ])('was made: %s', (subject, x32) => {
    const own = calls.filter((call) => call.subject === subject && call.args === '');
    const made = new Set(own.map((call) => `${call.way} ${call.number}`));
    const numbers = [...range(-516, -512), ...range(-1, 1023)];
    const wanted = ['plain', 'gate'].flatMap((way) => numbers.map((number) => `${way} ${number}`));
    expect(wanted.filter((call) => !made.has(call))).toEqual([]);
    const ofX32 = own.filter((call) => call.number >= 2 ** 30 && call.number < 2 ** 31);
    expect(new Set(ofX32.map((call) => call.number)).size).toBeGreaterThanOrEqual(x32);
    expect(ofX32.filter((call) => call.seen !== 'SIGSYS')).toEqual([]);
  });
});

describe('calls 0 to 1023 without arguments that the kernel executes', () => {
  it.each(['guest', 'virtual-time', 'child'])('are few for a %s', (subject) => {
    expect(native(subject, 'plain')).toEqual(sorted(...ANYWHERE));
    expect(native(subject, 'gate')).toEqual(sorted(...ANYWHERE, ...AT_GATE));
  });

  it('are few for a parent of the fork server', () => {
    expect(native('parent', 'plain')).toEqual(sorted(...ANYWHERE));
    // close, getppid, prctl, setrlimit, dup3; the other calls of the fork server need arguments
    expect(native('parent', 'gate')).toEqual(sorted(...ANYWHERE, ...AT_GATE, 3, 110, 157, 160, 292));
  });

  it('are few for a translated interpreter', () => {
    // read of descriptor 0, munmap, getpid, gettid, exit_group
    const own = [0, MUNMAP, 39, 186, EXIT_GROUP];
    expect(native('translated', 'plain')).toEqual(sorted(...ANYWHERE, ...own));
    expect(native('translated', 'gate')).toEqual(sorted(...ANYWHERE, ...own, BRK, MREMAP));
  });
});

it('the filter lets only a parent create a process, whatever the arguments', () => {
  const forks = calls.filter((call) => [56, 57, 58, 435].includes(call.number) && call.subject !== 'parent');
  expect(forks.length).toBeGreaterThan(500);
  expect(forks.filter((call) => call.seen !== 'trap' && call.seen !== 'EPERM')).toEqual([]);
});
