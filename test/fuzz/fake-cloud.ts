import { afterAll, beforeAll } from 'vitest';
import { type Cloud, connectCloud } from '../../openstack/index.js';
import { FakeCloud } from '../openstack/fake-cloud.js';

/** A cloud over HTTP that answers what it is told to, and the clients of it; there while the tests of a file run. */
export function withFakeCloud(): { fake: FakeCloud; cloud: Cloud } {
  const at = {} as { fake: FakeCloud; cloud: Cloud };
  beforeAll(async () => {
    at.fake = await FakeCloud.start();
    at.cloud = connectCloud(at.fake.config());
  });
  afterAll(async () => {
    await at.cloud?.session.close();
    await at.fake?.close();
  });
  return at;
}
