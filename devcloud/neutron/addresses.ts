import ipaddr from 'ipaddr.js';
import type { AddressRange } from './rows.js';

/** Addresses as numbers, so that ranges can be walked and compared. */
export function toNumber(address: string): bigint {
  return ipaddr
    .parse(address)
    .toByteArray()
    .reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

export function toAddress(number: bigint, version: 4 | 6): string {
  const length = version === 4 ? 4 : 16;
  const bytes = Array.from({ length }, (_, index) =>
    Number((number >> BigInt(8 * (length - 1 - index))) & 0xffn),
  );
  return ipaddr.fromByteArray(bytes).toString();
}

export interface Prefix {
  version: 4 | 6;
  /** Canonical, host bits cleared. */
  cidr: string;
  first: bigint;
  last: bigint;
}

/** Undefined when the text is no address with a prefix length. */
export function parsePrefix(text: string): Prefix | undefined {
  if (!text.includes('/') || !ipaddr.isValidCIDR(text)) return undefined;
  const [address, length] = ipaddr.parseCIDR(text);
  const version = address.kind() === 'ipv4' ? 4 : 6;
  const hostBits = BigInt((version === 4 ? 32 : 128) - length);
  const first = (toNumber(address.toString()) >> hostBits) << hostBits;
  return {
    version,
    cidr: `${toAddress(first, version)}/${length}`,
    first,
    last: first + (1n << hostBits) - 1n,
  };
}

export const isAddress = (text: string): boolean => ipaddr.isValid(text);

export const overlaps = (a: Prefix, b: Prefix): boolean =>
  a.version === b.version && a.first <= b.last && b.first <= a.last;

export const contains = (range: { first: bigint; last: bigint }, address: string): boolean => {
  const number = toNumber(address);
  return number >= range.first && number <= range.last;
};

/** Everything that can be given out: without the network's own, the broadcast and the gateway. */
export function defaultPools(prefix: Prefix, gatewayIp: string | null): AddressRange[] {
  const small = prefix.last - prefix.first < 2n;
  const first = small ? prefix.first : prefix.first + 1n;
  const last = prefix.version === 4 && !small ? prefix.last - 1n : prefix.last;
  const gateway = gatewayIp === null ? -1n : toNumber(gatewayIp);
  const ranges =
    gateway < first || gateway > last
      ? [{ first, last }]
      : [
          { first, last: gateway - 1n },
          { first: gateway + 1n, last },
        ];
  return ranges
    .filter((range) => range.first <= range.last)
    .map((range) => ({
      start: toAddress(range.first, prefix.version),
      end: toAddress(range.last, prefix.version),
    }));
}

/** The lowest address of the pools that nobody has; undefined when there is none. */
export function freeAddress(
  pools: AddressRange[],
  taken: Set<string>,
  version: 4 | 6,
): string | undefined {
  for (const { start, end } of pools) {
    const last = toNumber(end);
    for (let number = toNumber(start); number <= last; number += 1n) {
      const address = toAddress(number, version);
      if (!taken.has(address)) return address;
    }
  }
  return undefined;
}

/** The same address in the one way we write it. */
export const canonical = (address: string): string => ipaddr.parse(address).toString();
