import { describe, expect, it } from 'vitest';
import { Channel, parseSignature } from '../src/index.js';
import { REAL_GUESTS, RECORDED_RUNS, readRecording, readSignatures } from './real-guests.js';
import { type RecordedCall, ScriptedGuest } from './scripted-guest.js';

describe('calls recorded from real guests', () => {
  it('are complete', () => {
    expect(RECORDED_RUNS).toHaveLength(20);
  });

  it.each(RECORDED_RUNS)('%s: requests, peeks, pokes and results survive the wire', (run) => {
    const calls = (readRecording(run) as readonly RecordedCall[]).filter((line) => line.call !== undefined);
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

  it.each(REAL_GUESTS)('the signatures of the %s dump all parse', (guest) => {
    const signatures = readSignatures(guest).map(parseSignature);
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
