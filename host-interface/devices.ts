import { z } from 'zod';
import type { Run } from './programs.js';

/** A network interface of this host. */
export interface Device {
  name: string;
  mac: string;
  mtu: number;
  up: boolean;
  /** Free text that the kernel keeps with it; empty for none. */
  alias: string;
}

const linksSchema = z.array(
  z.object({
    ifname: z.string(),
    address: z.string().default(''),
    mtu: z.number(),
    flags: z.array(z.string()),
    ifalias: z.string().default(''),
  }),
);

const addressesSchema = z.array(
  z.object({
    ifname: z.string().optional(),
    addr_info: z
      .array(
        z.object({
          local: z.string(),
          prefixlen: z.number(),
          scope: z.string(),
          dynamic: z.boolean().default(false),
        }),
      )
      .default([]),
  }),
);

export async function listDevices(run: Run): Promise<Device[]> {
  const links = linksSchema.parse(JSON.parse(await run('ip', '-json', 'link', 'show')));
  return links.map(({ ifname, address, mtu, flags, ifalias }) => ({
    name: ifname,
    mac: address,
    mtu,
    up: flags.includes('UP'),
    alias: ifalias,
  }));
}

/** Changes what is not as wanted, and nothing else. Safe to repeat. */
export async function setDevice(
  run: Run,
  present: Device[],
  wanted: { name: string; mac?: string; mtu: number | null; alias?: string },
): Promise<void> {
  const { name, mac, mtu, alias } = wanted;
  const device = present.find((one) => one.name === name);
  const changes = [
    ...(mac === undefined || device?.mac === mac ? [] : ['address', mac]),
    ...(mtu === null || device?.mtu === mtu ? [] : ['mtu', String(mtu)]),
    ...(alias === undefined || device?.alias === alias ? [] : ['alias', alias]),
    ...(device?.up ? [] : ['up']),
  ];
  if (changes.length > 0) await run('ip', 'link', 'set', 'dev', name, ...changes);
}

/**
 * Gives a device exactly these addresses, with prefix length. The kernel then knows their subnets as being
 * on that link; no other route is touched. Safe to repeat.
 */
export async function setAddresses(run: Run, device: string, wanted: string[]): Promise<void> {
  const present = await addressesOf(run, device);
  for (const address of present.filter((one) => !wanted.includes(one))) {
    await removeAddress(run, device, address);
  }
  for (const address of wanted.filter((one) => !present.includes(one))) {
    await run('ip', 'address', 'replace', address, 'dev', device);
  }
}

async function removeAddress(run: Run, device: string, address: string): Promise<void> {
  try {
    await run('ip', 'address', 'del', address, 'dev', device);
  } catch (error) {
    // Another process of this host may have been faster.
    if ((await addressesOf(run, device)).includes(address)) throw error;
  }
}

/** Those that somebody set: what the kernel gives itself, link-local or by a router's advertisement, is left out. */
async function addressesOf(run: Run, device: string): Promise<string[]> {
  const shown = await run('ip', '-json', 'address', 'show', 'dev', device);
  return addressesSchema
    .parse(JSON.parse(shown))
    .flatMap(({ addr_info: addresses }) => addresses)
    .filter(({ scope, dynamic }) => scope !== 'link' && !dynamic)
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}
