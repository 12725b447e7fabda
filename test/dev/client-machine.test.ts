import { afterAll, beforeAll, expect, test } from 'vitest';
import { plugTenantClient } from '../../dev/tenant-client.js';
import { type Speaker, startTestCloud, type TestCloud } from '../devcloud/test-cloud.js';

let cloud: TestCloud;
let demo: Speaker;

beforeAll(async () => {
  cloud = await startTestCloud();
  demo = await cloud.as('demo');
});

afterAll(async () => {
  await cloud?.remove();
});

test('a machine that cannot be plugged leaves no port', async () => {
  const name = 'nowhere';
  const { url: cloudUrl, cloudsYaml } = cloud;
  const plugging = plugTenantClient({
    cloudUrl,
    cloudsYaml,
    cloud: 'demo',
    network: 'demo-net',
    name,
  });
  // Only after the port was made is it known that simulated hosts have no networks.
  await expect(plugging).rejects.toThrow(/plug answered 500/);
  expect((await demo.neutron('GET', `/ports?name=${name}`)).body).toEqual({ ports: [] });
});
