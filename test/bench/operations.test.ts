import { expect, test } from 'vitest';
import { useBefore } from '../../bench/load/processes.js';
import { firstShare, housekeeping, lifeOf } from '../../bench/operations.js';

test('critical paths are what the settings of the cloud add up to', () => {
  const paths = Object.fromEntries(
    [firstShare, ...lifeOf('NFS'), ...housekeeping].map(({ name, criticalPathMs }) => [
      name,
      criticalPathMs,
    ]),
  );
  // Eight seconds until the instance answers, two to attach; two to create, two to attach; one command.
  expect(paths['NFS share created, first on its network']).toBe(10_030);
  expect(paths['NFS share created on a ready instance']).toBe(4030);
  expect(paths['NFS share extended']).toBe(4090);
  expect(paths['NFS share deleted']).toBe(1030);
  expect(paths['service instance rebooted, its share ensured']).toBe(3030);
});

test('each operation has a name of its own, and CIFS has what the original’s helper knows', () => {
  const names = [...lifeOf('NFS'), ...lifeOf('CIFS'), ...housekeeping].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.filter((name) => name.includes('level'))).toEqual(['NFS access level changed']);
});

test('a process has its memory of the busiest moment and its time of the end', () => {
  const use = (rssMiB: number, cpuSeconds: number) => [
    { name: 'the worker', rssMiB, peakMiB: 300, cpuSeconds },
  ];
  expect(useBefore(use(250, 10), use(200, 40))).toEqual(use(250, 40));
});
