import { describe, expect, it } from 'vitest';
import { Channel, GuestProtocolError } from '../src/index.js';
import { ScriptedGuest } from './scripted-guest.js';

const ADDRESS = 0x10000;

function shown(address: number, text: string): Buffer {
  const head = Buffer.alloc(14);
  head.write('\0A', 0, 'latin1');
  head.writeBigUInt64LE(BigInt(address), 2);
  head.writeUInt32LE(text.length, 10);
  return Buffer.concat([head, Buffer.from(text, 'latin1')]);
}

function note(letter: string, ...numbers: number[]): Buffer {
  const bytes = Buffer.alloc(2 + 4 * numbers.length);
  bytes.write(`\0${letter}`, 0, 'latin1');
  numbers.forEach((number, i) => void bytes.writeUInt32LE(number, 2 + 4 * i));
  return bytes;
}

const request = Buffer.from('\x09getpid()i', 'latin1');

function channelAfter(dialect: 'libc' | 'linux', ...bytes: Buffer[]) {
  const guest = new ScriptedGuest();
  guest.sendBytes(Buffer.concat(bytes));
  return { guest, channel: new Channel(guest, dialect) };
}

describe('notes before a request', () => {
  it('say what the guest did without an answer', () => {
    const { guest, channel } = channelAfter('linux', note('L', 77), note('T', 5, 3), note('D', 9), request);
    expect(channel.nextRequest()).toMatchObject({ lateBytes: 77, ahead: { bytes: 5, calls: 3 }, stats: 9 });
    guest.sendBytes(request);
    expect(channel.nextRequest()).toMatchObject({ lateBytes: 0, ahead: { bytes: 0, calls: 0 }, stats: 0 });
  });

  it('show memory, for which the guest is not asked again', () => {
    const { channel } = channelAfter('linux', shown(ADDRESS, 'path\0'), request);
    channel.nextRequest();
    // The scripted guest has no answer: a question would fail.
    expect(channel.readString(ADDRESS, 4096).toString()).toBe('path');
    expect(channel.read(ADDRESS, 3).toString()).toBe('pat');
  });

  it.each([
    ['longer than what is shown', (channel: Channel) => channel.read(ADDRESS, 6)],
    ['elsewhere', (channel: Channel) => channel.read(ADDRESS + 1, 1)],
    ['a string whose end is not within the bound', (channel: Channel) => channel.readString(ADDRESS, 4)],
    [
      'after the memory was written to',
      (channel: Channel) => {
        channel.write(ADDRESS, Buffer.from('x'));
        return channel.read(ADDRESS, 1);
      },
    ],
  ])('do not answer for memory %s', (_, ask) => {
    const { channel } = channelAfter('linux', shown(ADDRESS, 'path\0'), request);
    channel.nextRequest();
    expect(() => ask(channel)).toThrow();
  });

  it('are forgotten with the next request', () => {
    const { guest, channel } = channelAfter('linux', shown(ADDRESS, 'path\0'), request);
    channel.nextRequest();
    guest.sendBytes(request);
    channel.nextRequest();
    expect(() => channel.readString(ADDRESS, 4096)).toThrow();
  });

  it.each([
    ['an unknown letter', 'linux', note('X', 1)],
    ['nothing shown', 'linux', shown(ADDRESS, '')],
    ['more shown than is asked for', 'linux', shown(ADDRESS, 'x'.repeat(4097))],
    ['a translated guest, which has none', 'libc', note('L', 1)],
  ] as const)('are refused: %s', (_, dialect, bytes) => {
    expect(() => channelAfter(dialect, bytes, request).channel.nextRequest()).toThrow(GuestProtocolError);
  });
});
