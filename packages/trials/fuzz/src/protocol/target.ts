import { SyscallError } from '@sandpiper/abi';
import { GuestKernel, libcSurface, linuxSurface } from '@sandpiper/kernel';
import {
  Channel,
  GuestGoneError,
  GuestProtocolError,
  MAX_ARGUMENTS,
  parseDump,
  type Request,
} from '@sandpiper/protocol';
import { Finding } from '../finding.js';
import { LIBC_CALLS, LINUX_CALLS } from '../kernel/calls.js';
import { ODD_NUMBERS } from '../kernel/arguments.js';
import { kernelOptions } from '../kernel/options.js';
import { Source } from '../source.js';
import { HostilePeer } from './peer.js';

const MAX_REQUESTS = 60;
/** The permitted ends of a run: the guest broke the protocol, is gone, or a call failed. */
const EXPECTED = [GuestProtocolError, GuestGoneError, SyscallError];

interface FuzzedRequest {
  readonly bytes: Buffer;
  /**
   * A true answer: no byte is missing, and none follows, which would be taken for the start of another
   * answer.
   */
  readonly honest: boolean;
}

/** A wrong signature for the call: doubles, more or fewer arguments, another kind of result. */
function otherSignature(source: Source, text: string): string {
  const [, name = '', kinds = '', result = 'i'] = /^(.*)\((.*)\)(.)$/.exec(text) ?? [];
  const at = source.below(kinds.length + 1);
  switch (source.below(4)) {
    case 0:
      return `${name}(${kinds.slice(0, at)}${source.pick(['f', 'ff', 'ffff'])}${kinds.slice(at + 1)})${result}`;
    case 1:
      return `${name}(${kinds.slice(0, at)})${result}`;
    case 2:
      return `${name}(${kinds}${source.pick(['i', 'p', 'f', 'iiii'])})${result}`;
    default:
      return `${name}(${kinds})${source.pick(['v', 'p', 'f', 'i'])}`;
  }
}

function requestBytes(source: Source, linux: boolean): FuzzedRequest {
  const { key, kinds } = source.pick((linux ? LINUX_CALLS : LIBC_CALLS).all);
  let text = linux ? `${key}(${kinds})i` : key;
  const kind = source.byte();
  const honest = kind >= 8 && kind < 222;
  if (kind > 245) return { bytes: source.take(source.below(300)), honest };
  if (kind > 240) text = `a(${'i'.repeat(source.below(40))})i`;
  else if (kind > 236) text = source.take(source.below(255)).toString('latin1');
  else if (kind > 230) text = `${text}${source.pick(['v', ')', '\0', 'p', ' '])}`;
  else if (kind > 226) text = text.replace(/.$/, source.pick(['v', 'i', 'p', 'f', 'x']));
  else if (kind > 222) text = source.pick(['constructor()i', '__proto__(i)i', 'toString()v']);
  else if (kind > 200) text = otherSignature(source, text);
  const sent = (/\(([ipf]*)\)/.exec(text)?.[1] ?? '').slice(0, MAX_ARGUMENTS);
  const name = Buffer.from(text, 'latin1').subarray(0, 255);
  const args = Buffer.alloc(8 * sent.length);
  for (let i = 0; i < sent.length; i++) {
    const value = source.chance(100) ? source.hostile() : 0x10000 + source.number(2);
    if (sent[i] === 'f') args.writeDoubleLE(source.chance(200) ? source.pick(ODD_NUMBERS) : value, 8 * i);
    else args.writeBigInt64LE(BigInt.asIntN(64, BigInt(Math.trunc(value))), 8 * i);
  }
  const bytes = Buffer.concat([Buffer.from([kind === 222 ? source.byte() : name.length]), name, args]);
  if (kind < 4) return { bytes: bytes.subarray(0, source.below(bytes.length)), honest };
  return { bytes: kind < 8 ? Buffer.concat([bytes, source.take(1 + source.below(8))]) : bytes, honest };
}

/** Notes before a request, or something like them: the letters of native/shim/channel.c, and one that is none. */
function noteBytes(source: Source): Buffer {
  const letter = source.pick(['A', 'A', 'L', 'T', 'D', 'X']);
  const head = Buffer.from(`\0${letter}`, 'latin1');
  if (letter !== 'A') return Buffer.concat([head, source.take(letter === 'T' ? 8 : 4)]);
  const size = source.chance(200) ? source.number(2) % 4200 : source.hostile();
  const rest = Buffer.alloc(12);
  rest.writeBigInt64LE(BigInt(0x10000 + source.number(2)));
  rest.writeUInt32LE(Math.trunc(Math.abs(size)) % 2 ** 32, 8);
  return Buffer.concat([head, rest, Buffer.alloc(Math.min(Math.max(0, Math.trunc(size)), 5000), 0x61)]);
}

/** Anything a handler might do with the guest's memory while it answers. */
function someOperations(source: Source, channel: Channel, peer: HostilePeer): void {
  for (let n = source.below(5); n > 0; n--) {
    const address = source.chance(200) ? 0x10000 + source.number(2) : source.hostile();
    switch (source.below(7)) {
      case 0: {
        const size = source.chance(230) ? source.number(2) : source.hostile();
        const data = channel.read(address, size);
        if (data.length !== size) throw new Finding(`${data.length} bytes where ${size} were asked for`);
        if (!peer.lied && !peer.answered.subarray(0, size).equals(data) && size > 0)
          throw new Finding('received bytes differ from the sent ones');
        break;
      }
      case 1: {
        const max = 1 + source.number(2);
        const text = channel.readString(address, max);
        if (text.length >= max) throw new Finding(`a string of ${text.length} where ${max} were allowed`);
        break;
      }
      case 2:
        channel.write(address, Buffer.alloc(source.chance(30) ? source.number(3) % 2 ** 20 : source.byte()));
        break;
      case 3:
        channel.malloc(Buffer.alloc(source.number(2)));
        break;
      case 4:
        channel.free(address);
        break;
      case 5:
        if (channel.dialect === 'linux') channel.syscall(source.byte(), source.hostile());
        else channel.setErrno(source.hostile() | 0);
        break;
      default:
    }
  }
}

function giveResult(source: Source, channel: Channel, request: Request): void {
  const value = source.hostile();
  switch (request.signature.result) {
    case 'v':
      return channel.returnVoid();
    case 'p':
      return channel.returnPointer(value);
    case 'f':
      return channel.returnDouble(value);
    default:
      return channel.returnInt(value);
  }
}

/** As a session does: the kernel answers, over the wire. */
function answer(source: Source, kernel: GuestKernel, channel: Channel, request: Request): 'goes on' | 'ends' {
  const key = channel.dialect === 'linux' ? request.signature.name : request.signature.text;
  const { lateBytes, ahead, stats } = request;
  if (stats > 0 && kernel.shortCuts.takeStats(stats).kind !== 'return') return 'ends';
  if (ahead.calls > 0 && kernel.shortCuts.takeAhead(ahead.bytes, ahead.calls).kind !== 'return')
    return 'ends';
  const late = source.take(lateBytes % 300);
  if (late.length > 0 && kernel.shortCuts.takeLate(late).kind !== 'return') return 'ends';
  const outcome = kernel.call(key, request.args, channel);
  const arity = (channel.dialect === 'linux' ? linuxSurface : libcSurface).rows.get(key)?.arity;
  if (
    arity !== undefined &&
    arity !== request.args.length &&
    outcome.kind !== 'violation' &&
    outcome.kind !== 'limit'
  )
    throw new Finding(`${request.signature.text} was answered: ${outcome.kind}`);
  if (outcome.kind === 'return' || outcome.kind === 'error') {
    const value = outcome.kind === 'return' ? outcome.value : -outcome.errno;
    if (channel.dialect === 'linux') makeOffer(kernel, channel, request, value);
    if (request.signature.result === 'p') channel.returnPointer(value);
    else if (request.signature.result === 'v') channel.returnVoid();
    else if (request.signature.result === 'f') channel.returnDouble(value);
    else channel.returnInt(value);
    return 'goes on';
  }
  return 'ends';
}

function makeOffer(kernel: GuestKernel, channel: Channel, { signature, args }: Request, value: number): void {
  const { late, ahead, stats: told } = kernel.shortCuts.offer(signature.name, args[0] ?? 0, value);
  if (late !== null)
    channel.permit({
      readsNeverWait: true,
      writesNeverWait: true,
      late: late.descriptors,
      lateBytes: late.bytes,
    });
  if (ahead !== null) channel.sendAhead(ahead.fd, ahead.data);
  if (told !== null) channel.sendStats(told.calls, told.data);
}

function checkRequest(request: Request, dialect: Channel['dialect']): void {
  const { args, signature } = request;
  if (dialect === 'linux' && !/\([ip]{0,7}\)i$/.test(signature.text))
    throw new Finding(`${signature.text} is not a signature of the shim`);
  if (args.length !== signature.args.length || args.length > MAX_ARGUMENTS)
    throw new Finding(`${args.length} arguments of ${signature.text}`);
  for (const [i, value] of args.entries())
    if (signature.args[i] !== 'f' && !Number.isInteger(value)) throw new Finding(`an argument of ${value}`);
}

function oneRequest(
  source: Source,
  channel: Channel,
  peer: HostilePeer,
  kernel: GuestKernel | null,
): boolean {
  const { bytes, honest } = requestBytes(source, channel.dialect === 'linux');
  const noted = channel.dialect === 'linux' && source.chance(40);
  if (!honest || noted) peer.lied = true;
  peer.request(noted ? Buffer.concat([noteBytes(source), bytes]) : bytes);
  const request = channel.nextRequest();
  if (request === null) return false;
  checkRequest(request, channel.dialect);
  if (kernel !== null) return answer(source, kernel, channel, request) === 'goes on';
  try {
    someOperations(source, channel, peer);
  } catch (error) {
    // A failed call: its result says so, and the stream is in step.
    if (!(error instanceof SyscallError)) throw error;
  }
  giveResult(source, channel, request);
  if (peer.owesResult) throw new Finding('a request without a result');
  return true;
}

/** An interpreter's dump. */
function oneDump(source: Source): void {
  const signatures = Array.from({ length: source.below(20) }, () =>
    requestBytes(source, false).bytes.toString('latin1'),
  );
  const text = source.chance(128)
    ? `Version: ${source.pick(['20001', '1', '20001 '])}\nPlatform: ${source.pick(['linux', 'linux2', 'nt'])}\nFuncs: ${signatures.join(' ')}\n`
    : source.take(source.below(400)).toString('latin1');
  try {
    parseDump(text);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError)
      throw new Finding(`parseDump threw ${String(error)}`);
  }
}

/** One life of a guest on the wire: any bytes, to the channel alone or with a kernel behind it. */
export function runProtocol(bytes: Uint8Array, log?: (line: string) => void): void {
  const source = new Source(bytes);
  const knobs = source.byte();
  if (knobs % 16 === 15) return oneDump(source);
  const dialect = (knobs & 1) === 0 ? 'linux' : 'libc';
  const peer = new HostilePeer(source, dialect);
  const channel = new Channel(peer, dialect);
  const surface = dialect === 'linux' ? linuxSurface : libcSurface;
  const kernel = (knobs & 2) === 0 ? null : new GuestKernel(surface, kernelOptions(source));
  try {
    for (let i = 0; i < MAX_REQUESTS && !source.empty; i++)
      if (!oneRequest(source, channel, peer, kernel)) break;
  } catch (error) {
    if (error instanceof Finding) throw error;
    if (!EXPECTED.some((kind) => error instanceof kind))
      throw new Finding((error as Error).stack ?? String(error));
    log?.(`ends by ${(error as Error).name}: ${(error as Error).message}`);
  }
  const problems = kernel?.inconsistencies() ?? [];
  if (problems.length > 0) throw new Finding(problems.join('; '));
}
