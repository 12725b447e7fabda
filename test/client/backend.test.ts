import { expect, test } from 'vitest';
import type { BackendStatistics } from '../../client/index.js';
import { simulatedEnvironment } from '../support/simulated-environment.js';

const story = simulatedEnvironment('backend', {
  moreBackends: () => ({ idle: { service_network_name: 'idle_network' } }),
});

async function json(...args: string[]): Promise<unknown> {
  const said = await story.environment.hawser([...args, '-o', 'json']);
  expect(said.code, said.stdout + said.stderr).toBe(0);
  return JSON.parse(said.stdout);
}

const show = async () => (await json('backend', 'show', 'generic')) as BackendStatistics;

test('backends are listed, also ones without shares, and whether a worker serves them', async () => {
  const spec = { id: 'one', protocol: 'NFS', sizeGib: 2, shareNetwork: 'demo-net' } as const;
  await story.client.createShare(spec);
  await story.client.waitForShare('one');
  const generic = { name: 'generic', shares: 1, sizeGib: 2, instances: 1, served: true };
  const idle = { name: 'idle', shares: 0, sizeGib: 0, instances: 0, served: true };
  const list = () => json('backend', 'list');
  await expect.poll(list, { timeout: 30_000 }).toEqual([generic, idle]);
  const table = await story.environment.hawser(['backend', 'list']);
  expect(table.stdout).toMatch(/^generic +yes +1 +2 GiB +1$/m);
});

test('a backend says what it has and what its shares use', async () => {
  const { instances, shares, capabilities, problems } = await show();
  expect(problems).toEqual([]);
  expect(instances).toMatchObject([{ status: 'active', shares: 1, placesFree: 25 }]);
  expect(shares).toMatchObject([
    { id: 'one', sizeGib: 2, usage: { totalBytes: expect.any(Number) } },
  ]);
  expect(capabilities).toMatchObject({ provisioned_capacity_gb: 2, allocated_capacity_gb: 2 });
  const said = await story.environment.hawser(['backend', 'show', 'generic']);
  expect(said.stdout).toMatch(/^Provisioned +2 GiB in 1 share$/m);
  expect(said.stdout).toMatch(/^one +available +2 GiB +\S+ \wiB +\d/m);
});

test('an instance that is gone is said to be, and the rest is told', async () => {
  const { cloud } = story;
  for (const { id } of await cloud.compute.listServers()) await cloud.compute.deleteServer(id);
  const left = async () => (await cloud.compute.listServers()).length;
  await expect.poll(left, { timeout: 20_000 }).toBe(0);
  const { instances, shares, problems } = await show();
  expect(problems).toEqual([
    expect.stringMatching(/^Service instance generic-\S+ was not asked: /),
  ]);
  expect(instances).toMatchObject([{ problem: expect.stringMatching(/10\.254\./) }]);
  expect(shares).toMatchObject([{ id: 'one', usage: null }]);
});

test('a backend that no worker serves is refused', async () => {
  const said = await story.environment.hawser(['backend', 'show', 'nobody', '-o', 'json']);
  expect(said.code).toBe(1);
  expect(JSON.parse(said.stdout)).toMatchObject({ error: { type: 'NoWorker' } });
});
