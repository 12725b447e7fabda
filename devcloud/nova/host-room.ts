import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { Flavor } from './rows.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** Whether this machine, the only host, is large enough for the flavor. What runs on it is not counted. */
export async function hostHasRoom(folder: string, flavor: Flavor): Promise<boolean> {
  const { blocks, bsize } = await statfs(folder);
  return (
    flavor.ramMib * MIB <= totalmem() &&
    flavor.diskGib * GIB <= blocks * bsize &&
    flavor.vcpus <= availableParallelism()
  );
}
