import type { Cloud } from '../cloud.js';

export const devicesOf = ({ tables }: Cloud, id: string): string[] =>
  tables.volumeMappings.where(({ serverId }) => serverId === id).map(({ device }) => device);

/** The guest's own name may differ: nobody should rely on it. */
export function nextDevice(cloud: Cloud, serverId: string): string {
  const taken = devicesOf(cloud, serverId);
  for (let index = 1; ; index += 1) {
    const device = `/dev/vd${letters(index)}`;
    if (!taken.includes(device)) return device;
  }
}

/** a, b, … z, aa, ab, … */
const letters = (index: number): string =>
  (index >= 26 ? letters(Math.floor(index / 26) - 1) : '') +
  String.fromCodePoint(97 + (index % 26));
