import { SyscallError } from '@sandpiper/abi';
import { assert, constantFrom, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Channel, GuestGoneError, GuestProtocolError, SignatureCache } from '../src/index.js';
import { ScriptedGuest } from './scripted-guest.js';

function request(name: string, ...args: bigint[]): Buffer {
  const words = Buffer.alloc(8 * args.length);
  args.forEach((arg, i) => void words.writeBigInt64LE(arg, 8 * i));
  return Buffer.concat([Buffer.from([Buffer.byteLength(name)]), Buffer.from(name), words]);
}

function word(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

function channelAfter(dialect: 'libc' | 'linux', ...bytes: Buffer[]): Channel {
  const guest = new ScriptedGuest();
  guest.sendBytes(Buffer.concat(bytes));
  return new Channel(guest, dialect);
}

describe('a guest that breaks the protocol', () => {
  it('is refused an empty name', () => {
    expect(() => channelAfter('linux', Buffer.from([0, 1, 2])).nextRequest()).toThrow(GuestProtocolError);
  });

  it.each([
    'open',
    'open(',
    'open(x)i',
    'open(p)',
    'open(p)ii',
    '(p)i',
    'op en(p)i',
    '%s(p)i',
    'a\0b(p)i',
    'é(p)i',
  ])('is refused the signature %j', (name) => {
    expect(() => channelAfter('linux', request(name)).nextRequest()).toThrow(GuestProtocolError);
  });

  it.each([
    'lseek(ifi)i',
    'poll(pff)i',
    'a(f)i',
    'lseek(iii)f',
    'lseek(iii)p',
    'lseek(iii)v',
    'a(iiiiiiii)i',
  ])('is refused %j under the shim, where a register holds integers and pointers', (name) => {
    const asked = request(name, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n);
    expect(() => channelAfter('linux', asked).nextRequest()).toThrow(/not a system call's signature/);
  });

  it.each([-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n, -1n])(
    'receives integer arguments only, such as %d',
    (value) => {
      for (const kind of ['i', 'p']) {
        const asked = channelAfter('linux', request(`a(${kind})i`, value)).nextRequest();
        const read = asked?.args[0] ?? Number.NaN;
        expect(Number.isInteger(read)).toBe(true);
        expect(read).toBe(Number(kind === 'i' ? value : BigInt.asUintN(64, value)));
      }
    },
  );

  it('is refused more than 32 arguments', () => {
    const name = `f(${'i'.repeat(33)})i`;
    expect(() => channelAfter('linux', request(name)).nextRequest()).toThrow(/33 arguments/);
  });

  it('is refused a second request before the first was answered', () => {
    const bytes = request('getpid()i');
    expect(() => channelAfter('linux', bytes, bytes).nextRequest()).toThrow(/unexpected bytes/);
  });

  it.each([-1n, 1n, 4095n, 2n ** 47n, 2n ** 62n, -(2n ** 63n)])('is refused a block at %d', (address) => {
    const guest = new ScriptedGuest();
    const channel = new Channel(guest, 'libc');
    guest.sendBytes(request('get_environ()p'));
    channel.nextRequest();
    guest.sendBytes(word(address));
    expect(() => channel.malloc(Buffer.alloc(8))).toThrow(/no memory can be/);
  });

  it.each([-1n, 2n ** 62n, 257n])('is refused a string length of %d where 256 were asked for', (length) => {
    const guest = new ScriptedGuest();
    const channel = new Channel(guest, 'linux');
    guest.sendBytes(request('access(pi)i', 4096n, 0n));
    channel.nextRequest();
    guest.sendBytes(word(length));
    expect(() => channel.readString(4096, 256)).toThrow(GuestProtocolError);
  });

  it('is refused more bytes than a peek asked for', () => {
    const guest = new ScriptedGuest();
    const channel = new Channel(guest, 'linux');
    guest.sendBytes(request('write(ipi)i', 1n, 4096n, 4n));
    channel.nextRequest();
    guest.sendBytes(Buffer.concat([Buffer.from('abcd'), word(0n), Buffer.from('more')]));
    expect(() => channel.read(4096, 4)).toThrow(/unexpected bytes/);
  });

  it('is gone when it ends within a request, and has ended between two requests', () => {
    expect(() => channelAfter('linux', request('getpid()i').subarray(0, 4)).nextRequest()).toThrow(
      GuestGoneError,
    );
    expect(channelAfter('linux').nextRequest()).toBeNull();
  });

  it('gets EFAULT for addresses outside user space, without a round trip', () => {
    const channel = channelAfter('linux');
    for (const address of [-1, 2 ** 47, 2 ** 63, Number.NaN]) {
      expect(() => channel.read(address, 1)).toThrow(SyscallError);
      expect(() => channel.readString(address, 1)).toThrow(SyscallError);
      expect(() => channel.write(address, Buffer.from('x'))).toThrow(SyscallError);
    }
  });

  it('cannot make the signature cache grow past its bound', () => {
    const cache = new SignatureCache(4);
    for (let i = 0; i < 100; i++) expect(cache.get(`call${i}(i)i`).name).toBe(`call${i}`);
    expect(cache.get('call0(i)i')).toBe(cache.get('call0(i)i'));
    expect(cache.get('call99(i)i')).not.toBe(cache.get('call99(i)i'));
  });

  it('gets a request, its end or a refusal for any bytes it sends', () => {
    assert(
      property(
        uint8Array({ maxLength: 2000 }),
        constantFrom('libc' as const, 'linux' as const),
        (bytes, dialect) => {
          const channel = channelAfter(dialect, Buffer.from(bytes));
          try {
            for (let i = 0; i < 20; i++) {
              const asked = channel.nextRequest();
              if (asked === null) return;
              channel.readString(asked.args[0] ?? 0, 64);
              channel.read(asked.args[1] ?? 0, 16);
            }
          } catch (error) {
            const known =
              error instanceof GuestProtocolError ||
              error instanceof GuestGoneError ||
              error instanceof SyscallError;
            expect(known, String(error)).toBe(true);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
