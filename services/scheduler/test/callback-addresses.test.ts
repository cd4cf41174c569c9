import { describe, expect, it } from 'vitest';
import { AddressPolicy, parseNetworks } from '../src/callbacks/address-policy.js';
import { destinationOf, faultOf, RefusedDestination } from '../src/callbacks/destination.js';
import { backOffMs } from '../src/callbacks/deliverer.js';
import { Turns } from '../src/callbacks/turns.js';

const open = new AddressPolicy([]);
const { signal } = new AbortController();
const says =
  (...addresses: string[]) =>
  () =>
    Promise.resolve(addresses);

/** Each by its reason: RFC 6890 and the registries behind it, and what clouds answer their machines on. */
const REFUSED = [
  ['0.0.0.0', 'this host'],
  ['0.1.2.3', 'this network'],
  ['10.0.0.1', 'private'],
  ['100.64.0.1', 'shared by customers of a carrier'],
  ['100.100.100.200', 'metadata of Alibaba'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['168.63.129.16', 'the host of a machine of Azure'],
  ['169.254.169.254', 'metadata'],
  ['169.254.170.2', 'credentials of containers'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.0.0.192', 'metadata of Oracle'],
  ['192.0.2.1', 'documentation'],
  ['192.168.1.1', 'private'],
  ['198.18.0.1', 'benchmarks'],
  ['198.51.100.1', 'documentation'],
  ['203.0.113.1', 'documentation'],
  ['224.0.0.1', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback as IPv6'],
  ['::ffff:10.0.0.1', 'private as IPv6'],
  ['::ffff:a9fe:a9fe', 'metadata as IPv6'],
  ['::127.0.0.1', 'loopback as IPv6, the old way'],
  ['64:ff9b::7f00:1', 'loopback behind NAT64'],
  ['64:ff9b:1::a00:1', 'private behind NAT64'],
  ['100::1', 'discarded'],
  ['2001::1', 'Teredo'],
  ['2001:db8::1', 'documentation'],
  ['2002:7f00:1::', 'loopback in 6to4'],
  ['3fff::1', 'documentation'],
  ['4000::1', 'not assigned'],
  ['5f00::1', 'segment routing'],
  ['fc00::1', 'private'],
  ['fd00:ec2::254', 'metadata of AWS'],
  ['fe80::1', 'link-local'],
  ['fec0::1', 'site-local'],
  ['ff02::1', 'multicast'],
  ['not an address', 'nonsense'],
] as const;

describe('addresses that callbacks are sent to', () => {
  it.each(REFUSED)('do not include %s (%s)', (address) => {
    expect(open.refusal(address)).not.toBeNull();
  });

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '2a00:1450::1', '::ffff:8.8.8.8'])(
    'include %s',
    (address) => expect(open.refusal(address)).toBeNull(),
  );

  it('include networks that the operator allows, and no others', () => {
    const policy = new AddressPolicy(parseNetworks('127.0.0.0/8, 10.1.0.0/16,fd00::/8,192.168.7.7'));
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '10.1.255.1', 'fd12::1', '192.168.7.7']) {
      expect(policy.refusal(address)).toBeNull();
    }
    for (const address of ['10.2.0.1', '::1', 'fe80::1', '192.168.7.8']) {
      expect(policy.refusal(address)).not.toBeNull();
    }
  });

  it('are named as networks, or the service does not start', () => {
    for (const wrong of ['10.0.0.0/33', 'localhost', '10.1', '::/129', '10.0.0.0/8;::1']) {
      expect(() => parseNetworks(wrong)).toThrow('neither an address nor a network');
    }
    expect(parseNetworks('')).toEqual([]);
  });
});

describe('an address of a callback', () => {
  it('is refused at submission if the URL itself is not allowed', () => {
    expect(faultOf('https://user:secret@example.org/', open)).toContain('user name');
    expect(faultOf('http://example.org/', open)).toContain('must be https://');
    expect(faultOf('ftp://example.org/', open)).toContain('http');
    expect(faultOf('https://example.org:8443/hook?x=1', open)).toBeNull();
    for (const host of ['127.0.0.1', '2130706433', '0x7f.1', '0177.0.0.1', '[::1]', '[::ffff:7f00:1]']) {
      expect(faultOf(`https://${host}/`, open)).toContain('not on the public Internet');
    }
  });

  it('is looked up once, and every returned address is checked', async () => {
    const found = await destinationOf('https://example.org/', open, says('8.8.8.8', '2606:4700::1'), signal);
    expect(found.addresses).toEqual(['8.8.8.8', '2606:4700::1']);
    for (const bad of ['127.0.0.1', '::1', '::ffff:10.0.0.1', '169.254.169.254']) {
      const mixed = destinationOf('https://example.org/', open, says('8.8.8.8', bad), signal);
      await expect(mixed).rejects.toThrow(RefusedDestination);
    }
  });

  it('may be http:// only in allowed networks', async () => {
    const policy = new AddressPolicy(parseNetworks('10.0.0.0/8'));
    const inside = await destinationOf('http://hooks.corp/', policy, says('10.3.4.5'), signal);
    expect(inside.addresses).toEqual(['10.3.4.5']);
    const outside = destinationOf('http://example.org/', policy, says('8.8.8.8'), signal);
    await expect(outside).rejects.toThrow('use https://');
  });
});

describe('turns', () => {
  it('leave slots for other tenants', () => {
    const turns = new Turns(8);
    const origin = 'https://a.example';
    expect([turns.enter('a', origin), turns.enter('a', origin)]).toEqual(['go', 'go']);
    expect(turns.enter('a', 'https://b.example')).toBe('busy');
    expect(turns.enter('b', origin)).toBe('go');
    turns.leave('a', origin, true);
    expect(turns.enter('a', origin)).toBe('go');
  });

  it('pause an unreachable origin, probe it, and resume when it answers', () => {
    let now = 0;
    const turns = new Turns(8, () => now);
    const origin = 'https://a.example';
    const go = (reached: boolean): void => {
      expect(turns.enter('a', origin)).toBe('go');
      turns.leave('a', origin, reached);
    };
    for (let i = 0; i < 5; i += 1) go(false);
    expect(turns.enter('a', origin)).toBe('resting');
    expect(turns.enter('b', 'https://b.example')).toBe('go');
    now += 31_000;
    expect(turns.enter('a', origin)).toBe('go');
    expect(turns.enter('a', origin)).toBe('resting');
    turns.leave('a', origin, true);
    go(true);
  });
});

describe('the back-off', () => {
  it('grows, has jitter, and stays below an hour', () => {
    for (const [attempt, longest] of [
      [1, 10_000],
      [2, 30_000],
      [5, 810_000],
      [49, 3_600_000],
    ] as const) {
      for (let i = 0; i < 50; i += 1) {
        const wait = backOffMs(attempt, 10_000);
        expect(wait).toBeLessThanOrEqual(longest);
        expect(wait).toBeGreaterThanOrEqual(longest / 2);
      }
    }
  });
});
