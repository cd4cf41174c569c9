import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Channel, parseSignature } from '../src/index.js';
import { type RecordedCall, ScriptedGuest } from './scripted-guest.js';

const recordings = fileURLToPath(new URL('../../../../shared/data/sandbox-2/', import.meta.url));
const present = existsSync(recordings);
if (!present)
  process.stderr.write(`skipped: no recordings of real guests beside this checkout: ${recordings}\n`);

const files = present
  ? ['pypy2', 'pypy3'].flatMap((guest) =>
      readdirSync(`${recordings}${guest}`)
        .filter((name) => name.endsWith('.jsonl'))
        .map((name) => `${guest}/${name}`),
    )
  : [];

describe('calls recorded from real guests', () => {
  it.runIf(present || process.env['CI'] === 'true')('are all there', () => {
    expect(files).toHaveLength(20);
  });

  it.each(files)('%s: requests, peeks, pokes and results survive the wire', (file) => {
    const lines = readFileSync(`${recordings}${file}`, 'utf8').trimEnd().split('\n');
    const calls = lines
      .map((line) => JSON.parse(line) as RecordedCall)
      .filter((line) => line.call !== undefined);
    expect(calls.length).toBeGreaterThan(100);
    const guest = new ScriptedGuest();
    const channel = new Channel(guest, 'libc');
    for (const call of calls) {
      guest.send(call);
      const request = channel.nextRequest();
      expect(request?.signature.text).toBe(call.call);
      expect(request?.args).toEqual(call.args);
      answer(channel, guest, call);
      const result = guest.results.pop();
      expect(result?.letter).toBe(parseSignature(call.call).result);
      if (result?.letter !== 'v') expect(Number(result?.value)).toBe(call.result);
    }
    expect(channel.nextRequest()).toBeNull();
  });

  it.each(present ? ['pypy2', 'pypy3'] : [])('every signature of the %s dump parses', (guest) => {
    const funcs = /^Funcs: (.*)$/m.exec(readFileSync(`${recordings}${guest}/dump.txt`, 'utf8'))?.[1] ?? '';
    const signatures = funcs.split(' ').map(parseSignature);
    expect(signatures.length).toBeGreaterThan(90);
  });
});

function answer(channel: Channel, guest: ScriptedGuest, call: RecordedCall): void {
  for (const op of call.ops) {
    const data = Buffer.from(op.data ?? '', 'base64');
    if (op.op === 'Z') expect(channel.readString(op.addr ?? 0, op.max ?? 0)).toEqual(data);
    else if (op.op === 'R') expect(channel.read(op.addr ?? 0, op.n ?? 0)).toEqual(data);
    else if (op.op === 'M') expect(channel.malloc(data)).toBe(op.addr);
    else if (op.op === 'F') channel.free(op.addr ?? 0);
    else if (op.op === 'E') channel.setErrno(op.errno ?? 0);
    else channel.write(op.addr ?? 0, data);
  }
  const { result } = parseSignature(call.call);
  if (result === 'v') channel.returnVoid();
  else if (result === 'p') channel.returnPointer(call.result);
  else channel.returnInt(call.result);
  for (const op of call.ops) {
    if (op.op === 'E') expect(guest.errnos.shift()).toBe(op.errno);
    if (op.op === 'W' && op.data !== undefined && op.data !== '') {
      expect(guest.written.shift()).toEqual(Buffer.from(op.data, 'base64'));
    }
  }
  guest.written.length = 0;
}
