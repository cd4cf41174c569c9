import ipaddr from 'ipaddr.js';

/** A network: its first address and the length of its prefix. */
export type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

/**
 * Public unicast addresses with an internal use: Azure serves its own hosts there, as other clouds do on
 * link-local addresses.
 */
const NOT_PUBLIC: readonly Network[] = [ipaddr.parseCIDR('168.63.129.16/32')];

/** IPv6 global unicast (IANA, "Internet Protocol Version 6 Address Space"). */
const GLOBAL_UNICAST: Network = ipaddr.parseCIDR('2000::/3');

/**
 * Parses networks separated by commas; a bare address is a network of one. @throws Error that names the wrong
 * entry
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
  // Require four numbers: inet_aton's shorter forms are never intended here.
  if (ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)) {
    const address = ipaddr.parse(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  }
  throw new Error(`"${text}" is neither an address nor a network such as 10.0.0.0/8`);
}

const isIn = (address: ipaddr.IPv4 | ipaddr.IPv6, [first, bits]: Network): boolean =>
  address.kind() === first.kind() && address.match([first, bits] as [ipaddr.IPv4, number]);

/**
 * Which addresses callbacks may be sent to: those on the public Internet, and networks that the operator has
 * allowed. Everything else is refused: private, loopback, link-local (cloud metadata services), shared
 * (CGNAT), multicast, reserved, and every IPv6 form that embeds an IPv4 address.
 */
export class AddressPolicy {
  constructor(private readonly allowed: readonly Network[]) {}

  /** Whether the operator has allowed any network. */
  get namesAny(): boolean {
    return this.allowed.length > 0;
  }

  /** Whether the operator has allowed it. @param text an address, as a resolver returns it */
  isNamed(text: string): boolean {
    const address = parseAddress(text);
    return address !== null && this.allowed.some((network) => isIn(address, network));
  }

  /** @returns the kind of a refused address, or null when it is allowed. */
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

/** An IPv4-mapped IPv6 address (::ffff:127.0.0.1) is treated as the IPv4 address, as the kernel does. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  return ipaddr.isValid(text) ? ipaddr.process(text) : null;
}
