import { GuestKernel, libcSurface, linuxSurface, type CallOutcome } from '@sandpiper/kernel';
import { Finding } from '../finding.js';
import { Source } from '../source.js';
import { argumentsFor, isWellFormed, spoiled } from './arguments.js';
import { LIBC_CALLS, LINUX_CALLS, someCalls } from './calls.js';
import { HostileMemory } from './memory.js';
import { kernelOptions, MAX_CALLS } from './options.js';

/** CPU time beyond which a call is a finding; milliseconds. By design a call takes less than 100. */
const DEAR_MS = 3000;
/** A result that does not fit the reply's 64 bits, or is not a number. */
function checkOutcome(key: string, outcome: CallOutcome): void {
  if (outcome.kind !== 'return') return;
  const { value } = outcome;
  if (!Number.isInteger(value) || value > 2 ** 64 || value < -(2 ** 63))
    throw new Finding(`${key} returned ${value}`);
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const spent = process.cpuUsage(since);
  return (spent.user + spent.system) / 1000;
}

/**
 * One life of a guest: any calls with any arguments, on either surface. Throws a {@link Finding} where the
 * kernel throws, takes too long, or its books do not balance. `log` gets a line per call.
 */
export function runKernel(bytes: Uint8Array, log?: (line: string) => void): void {
  const source = new Source(bytes);
  const libc = source.chance(90);
  const calls = someCalls(libc ? LIBC_CALLS : LINUX_CALLS, source);
  const kernel = new GuestKernel(libc ? libcSurface : linuxSurface, kernelOptions(source));
  const memory = new HostileMemory(source);
  const born = process.cpuUsage();
  for (let made = 0; made < MAX_CALLS && !source.empty; made++) {
    const call = source.pick(calls);
    const asked = argumentsFor(call, source, memory);
    const args = source.chance(3) ? spoiled(asked, source) : asked;
    const began = performance.now();
    let outcome: CallOutcome;
    try {
      outcome = kernel.call(call.key, args, memory);
    } catch (error) {
      if (error instanceof Finding) throw error;
      throw new Finding(`${call.key}(${args.join(', ')}) threw ${(error as Error).stack}`);
    }
    log?.(`${call.key}(${args.join(', ')}) -> ${JSON.stringify(outcome)}`);
    // Asking for CPU time is expensive, so the clock is checked first.
    const ms = performance.now() - began > DEAR_MS ? cpuMs(born) : 0;
    if (ms > DEAR_MS) throw new Finding(`${call.key}(${args.join(', ')}) took ${Math.round(ms)} ms of CPU`);
    checkOutcome(call.key, outcome);
    if (outcome.kind !== 'limit' && isWellFormed(args, call.kinds.length) === (outcome.kind === 'violation'))
      throw new Finding(`${call.key}(${args.join(', ')}) -> ${outcome.kind}`);
    if (outcome.kind === 'return') memory.note(outcome.value);
    const problems = kernel.inconsistencies();
    if (problems.length > 0)
      throw new Finding(`after ${call.key}(${args.join(', ')}): ${problems.join('; ')}`);
    if (
      outcome.kind === 'exit' ||
      outcome.kind === 'signal' ||
      outcome.kind === 'limit' ||
      outcome.kind === 'violation'
    )
      return;
  }
}
