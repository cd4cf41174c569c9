import { firstLine } from '@sandpiper/contracts';

import { type GuestEnd, type KeeperClient, NOT_EXECUTED } from '@sandpiper/guest';
import {
  Channel,
  DescriptorTransport,
  GuestGoneError,
  GuestProtocolError,
  parseDump,
  type Transport,
} from '@sandpiper/protocol';
import { RunRefusedError } from '../../crossing/refused.js';
import type { EngineTraits } from '../../crossing/engines.js';
import { stampOfFile } from '../../crossing/interpreter-files.js';

/** Version of the dialect `linux` that this controller speaks (native/shim/shim.h). */
const DIALECT_VERSION = 3;
/** A dump names some 150 functions; bytes. */
const MAX_DUMP_BYTES = 256 * 1024;
const DUMP_DEADLINE_MS = 10_000;
/** Elapsed time that the interpreter may take to reach its program: generous, as the machine may be busy. */
export const STARTUP_MS = 20_000;

/**
 * The shim's first message, which proves that the filter is on: nothing was answered before it. Returns false
 * when the guest ended before it; throws when the message is not the shim's. The interpreter executes only
 * after the answer.
 */
export function greet(channel: Channel, beforeAnswer: () => void = () => {}): boolean {
  const hello = channel.nextRequest();
  if (hello === null) return false;
  const { text } = hello.signature;
  if (text !== 'sandpiper_ready(i)i' || hello.args[0] !== DIALECT_VERSION) {
    throw new Error(`the shim has another version: it sent ${text} ${hello.args.join(' ')}`);
  }
  beforeAnswer();
  channel.returnInt(0);
  return true;
}

/** Interpreters that were asked already, by path, with the time and size of the file. */
const known = new Map<string, { stamp: string; functions: readonly string[] }>();

/**
 * Asks a translated interpreter for its version, platform and functions, once per binary, and refuses one
 * that this controller cannot serve. Returns the functions without a row in the table of calls.
 */
export function inspectTranslated(traits: EngineTraits, keeper: KeeperClient): readonly string[] {
  const stamp = stampOfFile(traits.executable);
  const before = known.get(traits.executable);
  if (before?.stamp === stamp) return before.functions;
  const text = dumpOf(traits, keeper);
  let functions: string[];
  try {
    functions = parseDump(text)
      .signatures.map((signature) => signature.text)
      .filter((signature) => !traits.surface.rows.has(signature));
  } catch (error) {
    throw new RunRefusedError(`${traits.executable}: ${(error as Error).message}`);
  }
  known.set(traits.executable, { stamp, functions });
  return functions;
}

function dumpOf(traits: EngineTraits, keeper: KeeperClient): string {
  const guest = keeper.start({
    kind: traits.kind,
    executable: traits.executable,
    argv: [traits.argv0],
    env: { RPY_SANDBOX_DUMP: '1' },
    deterministic: false,
    cpu: null,
    startupMs: DUMP_DEADLINE_MS,
  });
  let text: string | null = null;
  let end: GuestEnd;
  let said = '';
  try {
    const transport = new DescriptorTransport(guest.requests, guest.replies);
    if (greet(new Channel(transport, traits.dialect))) text = readToEnd(transport);
  } catch (error) {
    if (!(error instanceof GuestProtocolError || error instanceof GuestGoneError)) throw error;
  } finally {
    keeper.kill();
    end = keeper.ended();
    said = guest.readErrors().toString('utf8').trim();
    guest.close();
  }
  if (text === null) throw new RunRefusedError(`${traits.executable}: ${whyNotStarted(end, said)}`);
  return text;
}

/** It did not even report that it is locked down: its loader's complaint, or how it ended. */
function whyNotStarted(end: GuestEnd, said: string): string {
  const complaint = firstLine(said);
  if (complaint !== '') return `does not start: ${complaint.slice(0, 300)}`;
  const how = end.exitCode === null ? `signal ${end.signal}` : `exit code ${end.exitCode}`;
  return `does not start: ${NOT_EXECUTED.get(end.exitCode ?? 0) ?? how}`;
}

function readToEnd(transport: Transport): string {
  const bytes = Buffer.alloc(MAX_DUMP_BYTES);
  let have = 0;
  while (have < bytes.length) {
    const n = transport.read(bytes, have, bytes.length - have);
    if (n === 0) break;
    have += n;
  }
  return bytes.toString('latin1', 0, have);
}
