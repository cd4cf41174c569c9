import ipaddr from 'ipaddr.js';

/** A network: its first address, and how many bits of it count. */
export type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/**
 * Addresses that are unicast by their block and yet not of the public Internet: Azure answers hosts of its
 * own there, as others do on link-local addresses.
 */
const NOT_PUBLIC: readonly Network[] = [ipaddr.parseCIDR('168.63.129.16/32')];

/** All of IPv6 that is given out for the Internet (IANA, "Internet Protocol Version 6 Address Space"). */
const GLOBAL_UNICAST: Network = ipaddr.parseCIDR('2000::/3');

/**
 * Networks with commas between them; an address alone is a network of one. @throws Error that names what is
 * not one
 */
export function parseNetworks(list: string): Network[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parseNetwork);
}

function parseNetwork(text: string): Network {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  // Four numbers: what inet_aton makes of fewer is nobody's intention here.
  if (ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)) {
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  }
  throw new Error(`"${text}" is neither an address nor a network such as 10.0.0.0/8`);
}

const isIn = (address: ipaddr.IPv4 | ipaddr.IPv6, [first, bits]: Network): boolean =>
  address.kind() === first.kind() && address.match([first, bits] as [ipaddr.IPv4, number]);

/**
 * Which addresses callbacks may be sent to: those of the public Internet, and networks that whoever runs the
 * service has named. Everything else is refused: private, loopback, link-local (where clouds answer their
 * machines), shared (CGNAT), multicast, reserved, and every notation of IPv6 that carries an IPv4 address
 * inside.
 */
export class AddressPolicy {
  constructor(private readonly allowed: readonly Network[]) {}

  /** Whether any network is named at all. */
  get namesAny(): boolean {
    return this.allowed.length > 0;
  }

  /** Whether whoever runs the service has named it. @param text an address, as a resolver gives it */
  isNamed(text: string): boolean {
    const address = parseAddress(text);
    return address !== null && this.allowed.some((network) => isIn(address, network));
  }

  /** @returns what kind of address it is that nothing is sent to, or null when it may be. */
  refusal(text: string): string | null {
    const address = parseAddress(text);
    if (address === null) return 'not an address';
    if (this.allowed.some((network) => isIn(address, network))) return null;
    if (NOT_PUBLIC.some((network) => isIn(address, network))) return 'reserved';
    const range = address.range();
    if (range !== 'unicast') return range;
    return address.kind() === 'ipv4' || isIn(address, GLOBAL_UNICAST) ? null : 'reserved';
  }
}

/** An IPv4 address that is written as IPv6 (::ffff:127.0.0.1) is the IPv4 address, to the kernel as to us. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return ipaddr.isValid(text) ? ipaddr.process(text) : null;
}
