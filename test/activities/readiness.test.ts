import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { InstanceHost, ShareNetwork } from '../../workflows/model.js';
import {
  bootServer,
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let hasty: Bench;
let shareNetwork: ShareNetwork;
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  bench = await rig.addBackend();
  hasty = await rig.addBackend({ max_time_to_build_instance: 1 });
  shareNetwork = await rig.addShareNetwork(bench);
});
afterAll(() => rig?.stop());
afterEach(() => rig.devcloud.reset());

const boot = (): Promise<InstanceHost> => {
  next += 1;
  return bootServer(bench, shareNetwork, `instance-${next}`);
};

test('a host that lets us in meets the requirements of the image', async () => {
  const host = await boot();
  await bench.steps.waitForSsh({ host });
  await bench.steps.waitForSsh({ host });
  await bench.steps.checkImageRequirements({ host });
  const { checks } = await bench.steps.reportImageRequirements({ host });
  expect(checks.length).toBeGreaterThan(5);
  expect(checks.filter(({ ok }) => !ok)).toEqual([]);
});

test('a host that is refused at first is waited for', async () => {
  const host = await boot();
  await rig.planFault({ operation: 'ssh.connect' }, { status: 502 }, 2);
  await bench.steps.waitForSsh({ host });
  const { body } = await rig.devcloud.control('GET', '/faults');
  expect(body).toMatchObject({ faults: [{ struck: 2 }] });
});

test('a host that cannot be reached in its time fails for good', async () => {
  const host = { ...(await boot()), backend: hasty.backend };
  await rig.planFault({ operation: 'ssh.connect' }, { status: 502 }, 100);
  const failure = await failureOf(hasty.steps.waitForSsh({ host }));
  expect(failure).toMatchObject({ type: 'SshUnreachable', nonRetryable: true });
  expect(failure.message).toContain(host.address);
  expect(failure.message).toContain(host.instanceId);
});

test('a host that takes connections and says nothing fails for good', async () => {
  await rig.planFault({ operation: 'server.boot' }, { sshSilent: true });
  const host = { ...(await boot()), backend: hasty.backend };
  const failure = await failureOf(hasty.steps.waitForSsh({ host }));
  expect(failure).toMatchObject({ type: 'SshUnreachable', nonRetryable: true });
  expect(failure.message).toContain('no login within');
});

test('a host with another key is not trusted, at once and for good', async () => {
  await rig.planFault({ operation: 'server.boot' }, { hostKeyChanged: true });
  const host = await boot();
  const failure = await failureOf(bench.steps.waitForSsh({ host }));
  expect(failure).toMatchObject({ type: 'HostKeyChanged', nonRetryable: true });
});

test('the addresses of all NICs are waited for, and one that never comes is told', async () => {
  const { network } = rig.operator;
  const { id: networkId } = await network.createNetwork({ name: 'admin' });
  const subnet = { networkId, cidr: '172.30.0.0/24', ipVersion: 4 } as const;
  const { id: subnetId } = await network.createSubnet(subnet);
  const admin = await rig.addBackend({ admin_network_id: networkId, admin_subnet_id: subnetId });
  const theirs = await rig.addShareNetwork(admin);
  const host = await bootServer(admin, theirs, 'in-two-networks');
  await admin.steps.waitForSsh({ host });
  const { exportAddress, adminAddress = '' } = host;
  const addresses = [exportAddress, adminAddress ?? ''];
  await admin.steps.waitForAddresses({ host, addresses });
  const slow = { ...host, backend: hasty.backend };
  const missing = await failureOf(
    hasty.steps.waitForAddresses({ host: slow, addresses: [...addresses, '172.30.0.250'] }),
  );
  expect(missing).toMatchObject({ type: 'AddressMissing', nonRetryable: true });
  expect(missing.message).toContain('has 172.30.0.250 after 1 s');
});
