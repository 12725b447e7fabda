import { readFile } from 'node:fs/promises';
import type { EmbeddedEnvironment } from '../../dev/environment.js';

export interface ProcessUse {
  /** Such as `the worker`. */
  name: string;
  /** In memory now, in MiB. */
  rssMiB: number;
  /** The most that it ever had in memory, in MiB. */
  peakMiB: number;
  /** Of one core, since its start, in seconds; with what it ran. */
  cpuSeconds: number;
}

/** What the processes of an environment take of this machine, workers first. */
export const useOf = ({ workers, temporal, cloud }: EmbeddedEnvironment): Promise<ProcessUse[]> =>
  Promise.all(
    [...workers, temporal, cloud].map(async ({ name, pid }) => {
      if (pid === undefined) throw new Error(`${name} does not run: its log says why`);
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      return { name, ...memoryIn(status), cpuSeconds: cpuSecondsIn(stat) };
    }),
  );

/** In memory as it was then; all else as it is at the end. */
export const useBefore = (then: ProcessUse[], atEnd: ProcessUse[]): ProcessUse[] =>
  atEnd.map((use) => ({
    ...use,
    rssMiB: then.find(({ name }) => name === use.name)?.rssMiB ?? use.rssMiB,
  }));

const memoryIn = (status: string) => ({
  rssMiB: mebibytes(status, 'VmRSS'),
  peakMiB: mebibytes(status, 'VmHWM'),
});

function mebibytes(status: string, field: string): number {
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return Math.round(Number(kibibytes) / 1024);
}

/** What Linux calls a tick to programs, whatever its kernel's clock does. */
const ticksASecond = 100;

/** Fields 14 to 17 of proc(5): its own time and that of children it waited for, each in programs and in the kernel. */
function cpuSecondsIn(stat: string): number {
  // The name, which comes second, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return Math.round(ticks / ticksASecond);
}
