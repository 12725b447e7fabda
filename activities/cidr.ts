import ipaddr from 'ipaddr.js';

/** The parts of `whole`, `/mask` each, that overlap none of `taken`; in order. IPv4. */
export function* freeSubnets(whole: string, mask: number, taken: string[]): Generator<string> {
  const [first, last] = range(whole);
  const size = 2 ** (32 - mask);
  const used = taken.filter(isIpv4).map(range);
  for (let start = first; start + size - 1 <= last; start += size) {
    const end = start + size - 1;
    if (!used.some(([from, to]) => from <= end && start <= to)) yield `${dotted(start)}/${mask}`;
  }
}

const isIpv4 = (cidr: string): boolean => !cidr.includes(':');

function range(cidr: string): [number, number] {
  const [address, prefix] = ipaddr.IPv4.parseCIDR(cidr);
  const number = address.toByteArray().reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - prefix);
  const first = number - (number % size);
  return [first, first + size - 1];
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}

/** Whether two prefixes have an address in common. */
export function overlap(one: string, other: string): boolean {
  const [a, aBits] = ipaddr.parseCIDR(one);
  const [b, bBits] = ipaddr.parseCIDR(other);
  return a.kind() === b.kind() && a.match(b, Math.min(aBits, bBits));
}
