import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { ensureHostPort } from '../../host-interface/host-port.js';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import {
  commonInstanceId,
  newShareView,
  serviceInstanceId,
  serviceInstanceWorkflowId,
  shareWorkflowId,
  type InstanceHost,
  type ShareView,
} from '../../workflows/model.js';
import { searchAttributes } from '../../workflows/search-attributes.js';
import type { Orphan } from '../../workflows/sweep-model.js';
import {
  attachShare,
  bootServer,
  failureOf,
  mountShare,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let temporal: Client;
let connection: Connection;
let bench: Bench;
let benches = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  connection = Connection.lazy({ address: inject('temporalAddress') });
  temporal = new Client({ connection });
});
afterAll(async () => {
  await connection?.close();
  await rig?.stop();
});
beforeEach(async () => {
  // Hosts of several networks are reached by their addresses alone.
  benches += 1;
  bench = await rig.addBackend({ service_network_cidr: `10.254.${benches}.0/24` });
});

/** A share or an instance as others see it: its workflow runs, and nobody serves it. */
async function live(workflowId: string, view: object, backend = bench.backend) {
  return temporal.workflow.start(workflowId.startsWith('share-') ? 'share' : 'serviceInstance', {
    workflowId,
    taskQueue: `nobody-${backend}`,
    memo: { view },
    typedSearchAttributes: [{ key: searchAttributes.backend, value: backend }],
  });
}

const liveShare = (id: string, changes: Partial<ShareView> = {}) => {
  const request = { id, name: '', protocol: 'NFS' as const, sizeGib: 1, shareNetwork: 'n' };
  const view = newShareView({ ...request, backend: bench.backend }, new Date().toISOString());
  return live(shareWorkflowId(id), { ...view, status: 'available', ...changes });
};

const liveInstance = (host: Pick<InstanceHost, 'instanceId' | 'serverId'>, more: object = {}) =>
  // Whole, since whoever lists the instances of this Temporal reads it too.
  live(serviceInstanceWorkflowId(host.instanceId), {
    id: host.instanceId,
    backend: bench.backend,
    shareNetwork: null,
    status: 'active',
    serverId: host.serverId,
    address: null,
    shares: [],
    maxShares: 1,
    error: null,
    operation: null,
    createdAt: new Date().toISOString(),
    ...more,
  });

const newId = () => randomUUID().slice(0, 8);

/** An instance with a port, a server and what it needs of the network. */
async function boot(): Promise<InstanceHost> {
  const shareNetwork = await rig.addShareNetwork(bench);
  const host = await bootServer(
    bench,
    shareNetwork,
    serviceInstanceId(bench.backend, shareNetwork.id, 0),
  );
  await bench.steps.waitForSsh({ host });
  return host;
}

/** The service subnet of an instance's share network. */
async function subnetsOf({ instanceId }: InstanceHost) {
  const name = `hawser-${instanceId.slice(bench.backend.length + 1, -2)}`;
  const subnets = await rig.operator.network.listSubnets({ name });
  return subnets.map(({ id: subnetId, networkId }) => ({ subnetId, networkId }));
}

/** Of the shares that these tests call gone Temporal knows nothing, for no worker ended their workflows. */
const find = async (graceSeconds: number | null = 0, evenIfUnknown = true): Promise<Orphan[]> => {
  const { backend } = bench;
  return (await bench.steps.findOrphans({ backend, graceSeconds, evenIfUnknown })).orphans;
};

const kinds = (orphans: Orphan[]): string[] => orphans.map(({ kind }) => kind).sort();

const findOn = (host: InstanceHost, evenIfUnknown = true): Promise<Orphan[]> =>
  bench.steps.findLeftovers({ host, graceSeconds: 0, evenIfUnknown });

const remove = (
  orphan: Pick<Orphan, 'kind' | 'id'>,
  host: InstanceHost | null = null,
  evenIfUnknown = true,
) => bench.retried.removeOrphan({ backend: bench.backend, orphan, host, evenIfUnknown });

/** Listed a moment after they were started. */
const listed = async (count: number) =>
  expect
    .poll(async () => {
      const query = `HawserBackend = '${bench.backend}' AND ExecutionStatus = 'Running'`;
      return (await temporal.workflow.count(query)).count;
    })
    .toBe(count);

describe('in the cloud', () => {
  test('what a living share and a living instance have is no orphan', async () => {
    const host = await boot();
    const { shareId, volumeId } = await attachShare(bench, host, newId());
    const snapshotId = 'snap';
    const { volumeSnapshotId } = await bench.steps.ensureVolumeSnapshot({
      backend: bench.backend,
      shareId,
      snapshotId,
      volumeId,
    });
    const snapshot = { name: '', sizeGib: 1, error: null, createdAt: '', volumeSnapshotId };
    await liveInstance(host);
    await liveShare(shareId, {
      volumeId,
      snapshots: [{ ...snapshot, id: snapshotId, status: 'available' }],
    });
    await listed(2);
    expect(await find()).toEqual([]);
    expect(await findOn(host)).toEqual([]);
  });

  test('what belongs to nobody is found whole, and goes in its order, with nothing else', async () => {
    const foreign = await rig.operator.blockStorage.createVolume({
      name: 'manila-share-theirs',
      sizeGib: 1,
      metadata: {},
    });
    const { backend } = bench;
    const host = await boot();
    const shareId = newId();
    const { volumeId } = await bench.steps.ensureVolume({ backend, shareId, sizeGib: 2 });
    await bench.steps.ensureVolumeSnapshot({ backend, shareId, snapshotId: 's', volumeId });
    const found = await find();
    expect(kinds(found)).toEqual([
      'key pair',
      'network',
      'port',
      'security group',
      'server',
      'snapshot',
      'subnet',
      'volume',
    ]);
    const of = (kind: string) => found.find((one) => one.kind === kind);
    expect(of('volume')).toMatchObject({
      id: volumeId,
      owner: `share ${shareId}`,
      why: `Temporal does not know share ${shareId}`,
      mark: `hawser:share_id=${shareId}`,
      sizeGib: 2,
      young: false,
      keep: null,
    });
    expect(of('server')).toMatchObject({
      id: host.serverId,
      owner: `service instance ${host.instanceId}`,
    });
    expect(of('key pair')?.createdAt).toMatch(/^\d{4}-.*Z$/);
    expect(of('snapshot')?.owner).toBe(`snapshot s of share ${shareId}`);

    for (const kind of [
      'snapshot',
      'server',
      'volume',
      'key pair',
      'port',
      'subnet',
      'network',
      'security group',
    ]) {
      const orphan = of(kind);
      if (!orphan) throw new Error(`no ${kind}`);
      expect(await remove(orphan), kind).toBe('removed');
      expect(await remove(orphan), `${kind}, once more`).toBe('removed');
    }
    expect(await find()).toEqual([]);
    expect(await rig.operator.blockStorage.getVolume(foreign.id)).toMatchObject({
      name: 'manila-share-theirs',
    });
  });

  test('the data of a share that Temporal does not know (any more) stay until somebody says otherwise', async () => {
    const { backend } = bench;
    const shareId = newId();
    const { volumeId } = await bench.steps.ensureVolume({ backend, shareId, sizeGib: 1 });
    await bench.steps.ensureVolumeSnapshot({ backend, shareId, snapshotId: 's', volumeId });
    const found = await find(0, false);
    expect(kinds(found)).toEqual(['snapshot', 'volume']);
    for (const orphan of found) {
      expect(orphan.keep).toContain('--even-if-unknown');
      expect(await remove(orphan, null, false)).toBe('inUse');
    }
    for (const orphan of (await find()).sort((a, b) => a.kind.localeCompare(b.kind))) {
      expect(orphan.keep).toBeNull();
      expect(await remove(orphan)).toBe('removed');
    }
  });

  test('what was made within the grace time is called young', async () => {
    await bench.steps.ensureVolume({ backend: bench.backend, shareId: newId(), sizeGib: 1 });
    expect(await find(null)).toMatchObject([{ kind: 'volume', young: true }]);
    expect(await find(0)).toMatchObject([{ kind: 'volume', young: false }]);
  });

  test('late twins of what living ones use are orphans, unless something is under way', async () => {
    const { backend } = bench;
    const shareId = newId();
    const { volumeId } = await bench.steps.ensureVolume({ backend, shareId, sizeGib: 1 });
    const { id: twin } = await rig.operator.blockStorage.createVolume({
      name: 'late',
      sizeGib: 1,
      metadata: { 'hawser:share_id': shareId, 'hawser:backend': backend },
    });
    const operation = { type: 'extendShare', workflowId: 'w', startedAt: '' };
    const busy = await liveShare(shareId, { volumeId, operation });
    expect(await find()).toEqual([]);
    await busy.terminate();
    await liveShare(shareId, { volumeId });
    const [orphan, ...others] = await find();
    expect(others).toEqual([]);
    expect(orphan).toMatchObject({ id: twin, why: `share ${shareId} uses volume ${volumeId}` });
    expect(await remove({ kind: 'volume', id: twin })).toBe('removed');
    expect(await remove({ kind: 'volume', id: volumeId })).toBe('inUse');
    expect(await rig.operator.blockStorage.getVolume(volumeId)).toBeTruthy();
  });

  test('what found an owner between the look and the removal stays', async () => {
    const shareId = newId();
    await bench.steps.ensureVolume({ backend: bench.backend, shareId, sizeGib: 1 });
    const [orphan] = await find();
    await liveShare(shareId, { status: 'creating' });
    expect(await remove(orphan ?? { kind: 'volume', id: '' })).toBe('inUse');
    expect(await find()).toEqual([]);
  });

  test('what was there before Hawser, or nobody asked to delete, is named and kept', async () => {
    const { backend } = bench;
    const { id } = await rig.operator.blockStorage.createVolume({
      name: 'theirs',
      sizeGib: 1,
      metadata: {},
    });
    const volume = { volumeId: id, name: 'theirs', sizeGib: 1, metadata: {} };
    await bench.steps.claimVolume({ backend, shareId: newId(), volume });
    const ended = newId();
    await bench.steps.ensureVolume({ backend, shareId: ended, sizeGib: 1 });
    await (await liveShare(ended)).terminate();
    const found = await find();
    const keepOf = (owner: string) => found.find((one) => one.owner === owner)?.keep;
    expect(found.find((one) => one.id === id)?.keep).toContain('there before Hawser');
    expect(keepOf(`share ${ended}`)).toContain('ended as TERMINATED');
    for (const orphan of found) expect(await remove(orphan)).toBe('inUse');
    expect(await find()).toHaveLength(2);
  });

  test('a boot volume that outlives its instance on purpose, and things of another backend, are left out', async () => {
    const { id } = await rig.operator.blockStorage.createVolume({
      name: 'boot',
      sizeGib: 1,
      metadata: {
        'hawser:instance_id': serviceInstanceId(bench.backend, randomUUID(), 0),
        'hawser:delete_on_termination': 'false',
        'hawser:backend': bench.backend,
      },
    });
    const other = await rig.addBackend();
    await other.steps.ensureVolume({ backend: other.backend, shareId: newId(), sizeGib: 1 });
    expect(await find()).toEqual([]);
    await rig.operator.blockStorage.deleteVolume(id);
  });

  test('a server that was made once and serves another backend now is no orphan', async () => {
    const host = await boot();
    const other = await rig.addBackend();
    const ofServer = async (steps = other.steps) => {
      const look = { backend: bench.backend, graceSeconds: 0, evenIfUnknown: true };
      const { orphans } = await steps.findOrphans(look);
      return kinds(orphans).filter((kind) => ['server', 'port'].includes(kind));
    };
    expect(await ofServer()).toEqual(['port', 'server']);
    const orphan = { kind: 'server', id: host.serverId } as const;
    const removal = { backend: bench.backend, orphan, host: null, evenIfUnknown: true };
    const workflow = await liveInstance({ ...host, instanceId: commonInstanceId(other.backend) });
    expect(await ofServer()).toEqual([]);
    expect(await other.steps.removeOrphan(removal)).toBe('inUse');

    // One that has only just been configured has no workflow yet.
    await workflow.terminate();
    expect(await ofServer()).toEqual(['port', 'server']);
    const { name } = await rig.operator.compute.getServer(host.serverId);
    for (const wanted of [name, host.serverId]) {
      const { steps } = await rig.addBackend({
        driver_handles_share_servers: false,
        service_instance_name_or_id: wanted,
        service_net_name_or_ip: host.address,
        tenant_net_name_or_ip: host.address,
      });
      expect(await ofServer(steps), wanted).toEqual([]);
      expect(await steps.removeOrphan(removal), wanted).toBe('inUse');
    }
  });

  test('a server that Nova keeps for a while after its deletion is gone, and gives up volumes', async () => {
    await rig.devcloud.control('PUT', '/settings', { softDelete: 1 });
    const host = await boot();
    const { volumeId } = await attachShare(bench, host, newId());
    await rig.operator.compute.deleteServer(host.serverId);
    await expect
      .poll(async () => (await rig.operator.compute.getServer(host.serverId)).status)
      .toBe('SOFT_DELETED');
    expect(kinds(await find())).not.toContain('server');
    expect(await remove({ kind: 'volume', id: volumeId })).toBe('removed');
    await rig.devcloud.reset();
  });

  test("a server with somebody's volume stays, with its network, and says with which", async () => {
    const host = await boot();
    const { shareId, volumeId } = await attachShare(bench, host, newId());
    await liveShare(shareId, { volumeId });
    const failure = await failureOf(remove({ kind: 'server', id: host.serverId }));
    expect(failure).toMatchObject({ type: 'InstanceInUse', nonRetryable: true });
    expect(failure.message).toContain(volumeId);
    expect(await rig.operator.compute.getServer(host.serverId)).toMatchObject({ status: 'ACTIVE' });
    const port = (await find()).find(({ kind }) => kind === 'port');
    expect(await failureOf(remove({ kind: 'port', id: port?.id ?? '' }))).toMatchObject({
      type: 'InstanceInUse',
      message: expect.stringContaining(host.serverId),
      nonRetryable: true,
    });
    expect(await rig.operator.network.findPort(port?.id ?? '')).toBeTruthy();
  });

  test("a port of a worker's host stays while it leads to an instance or one lives, and goes afterwards", async () => {
    const { network } = rig.operator;
    const host = await boot();
    const workflow = await liveInstance(host);
    await listed(1);
    const [{ networkId, subnetId } = { networkId: '', subnetId: '' }] = await subnetsOf(host);
    const { id } = await ensureHostPort(network, { host: 'devcloud', networkId, subnetId });
    const hostPort = { kind: 'host port', id } as const;
    const found = async () => (await find()).filter(({ kind }) => kind === 'host port');
    expect(await found()).toEqual([]);
    expect(await remove(hostPort)).toBe('inUse');

    // One that is being set up has no port yet.
    const ports = await network.listPorts({ name: `hawser-${host.instanceId}` });
    await rig.operator.compute.deleteServer(host.serverId);
    await expect.poll(() => rig.operator.compute.findServer(host.serverId)).toBeUndefined();
    for (const port of ports) await network.deletePort(port.id);
    expect(await found()).toEqual([]);

    await workflow.terminate();
    await listed(0);
    expect(await found()).toMatchObject([
      { id, owner: 'worker host devcloud', mark: 'hawser:host=devcloud', keep: null },
    ]);
    const foreign = await network.createPort({
      name: 'theirs',
      networkId,
      fixedIps: [{ subnetId }],
    });
    expect(await remove({ kind: 'host port', id: foreign.id })).toBe('inUse');
    for (const _ of ['first', 'second']) expect(await remove(hostPort)).toBe('removed');
    expect(await network.findPort(id)).toBeUndefined();
    await network.deletePort(foreign.id);
  });

  test("a port of a worker's host in the admin network is found behind the last instance", async () => {
    const { network } = rig.operator;
    const { id: networkId } = await network.createNetwork({ name: 'admin' });
    const { id: subnetId } = await network.createSubnet({
      networkId,
      cidr: '10.252.0.0/28',
      ipVersion: 4,
    });
    bench = await rig.addBackend({ admin_network_id: networkId, admin_subnet_id: subnetId });
    const { id } = await ensureHostPort(network, { host: 'devcloud', networkId, subnetId });
    const theirs = await network.createPort({
      name: 'x',
      networkId,
      fixedIps: [{ subnetId }],
      description: `hawser:instance=${serviceInstanceId('other', randomUUID(), 0)}`,
    });
    expect(await find()).toEqual([]);
    await network.deletePort(theirs.id);
    expect(await find()).toMatchObject([{ kind: 'host port', id }]);
    expect(await remove({ kind: 'host port', id })).toBe('removed');
  });

  test('a subnet whose description names no share network is left alone', async () => {
    const { network } = rig.operator;
    const odd = await network.createNetwork({ name: bench.options.service_network_name });
    const { id } = await network.createSubnet({
      name: 'odd',
      networkId: odd.id,
      cidr: '10.253.0.0/28',
      ipVersion: 4,
      description: "hawser:share_network=their's",
    });
    expect(await find()).toEqual([]);
    expect(await remove({ kind: 'subnet', id })).toBe('inUse');
  });

  test('a service subnet with a port of a living instance stays, with its way out', async () => {
    const host = await boot();
    await liveInstance(host);
    const [subnet] = await subnetsOf(host);
    expect(await remove({ kind: 'subnet', id: subnet?.subnetId ?? '' })).toBe('inUse');
    const ports = await rig.operator.network.listPorts({ network_id: subnet?.networkId ?? '' });
    expect(ports.some(({ deviceOwner }) => deviceOwner.includes('router'))).toBe(true);
  });
});

describe('on a service instance', () => {
  test('what a share left that is gone is found and taken off, and its volume with it', async () => {
    const host = await boot();
    await liveInstance(host);
    const [gone, kept] = [newId(), newId()];
    for (const shareId of [gone, kept]) await mountShare(bench, host, shareId);
    const rules = [{ to: '10.0.0.9', level: 'rw' as const }];
    await bench.steps.applyNfsExports({ host, shareId: gone, rules });
    await bench.steps.applyCifsShare({ host, shareId: gone, rules });
    await bench.onHost(host, ': >"$r/run/lock/hawser-freeze-$1"', gone);
    await liveShare(kept);

    const leftovers = { kind: 'leftovers', id: `${host.instanceId}/${gone}` } as const;
    expect(await findOn(host, false)).toMatchObject([
      { id: leftovers.id, keep: expect.stringContaining('--even-if-unknown') },
    ]);
    expect(await remove(leftovers, host, false)).toBe('inUse');
    const found = await findOn(host);
    expect(found).toMatchObject([
      {
        kind: 'leftovers',
        id: leftovers.id,
        name: `fstab, mount, exports, samba, lock of /shares/share-${gone}`,
        mark: `x-hawser.share=${gone}`,
        keep: null,
      },
    ]);
    const [volume] = await find();
    expect(volume).toMatchObject({ kind: 'volume', owner: `share ${gone}` });
    const mounted = await failureOf(remove({ kind: 'volume', id: volume?.id ?? '' }, host));
    expect(mounted.message).toContain(`is mounted at`);
    const unasked = await failureOf(remove({ kind: 'volume', id: volume?.id ?? '' }));
    expect(unasked.message).toContain('no service instance that answers');

    for (const _ of ['first', 'second']) expect(await remove(leftovers, host)).toBe('removed');
    expect(await findOn(host)).toEqual([]);
    expect(await bench.onHost(host, 'cat "$r/etc/fstab"; net conf listshares')).not.toContain(gone);
    expect(await bench.onHost(host, 'cat "$r/etc/fstab"')).toContain(kept);
    expect(await remove({ kind: 'volume', id: volume?.id ?? '' }, host)).toBe('removed');
    expect(await find()).toEqual([]);
  });

  test('a share that was unmanaged is left alone, and so is what was mounted elsewhere before', async () => {
    const host = await boot();
    const [unmanaged, old] = [newId(), newId()];
    await liveInstance(host, { unmanagedShares: [unmanaged] });
    await mountShare(bench, host, unmanaged);
    await bench.steps.releaseShare({ host, shareId: unmanaged });
    await bench.onHost(
      host,
      'echo "UUID=x /srv/old ext4 defaults,x-hawser.share=$1 0 2" >>"$r/etc/fstab"',
      old,
    );
    const found = await findOn(host);
    expect(found).toMatchObject([
      { owner: `share ${old}`, keep: expect.stringContaining('/srv/old') },
    ]);
    expect(await remove(found[0] ?? { kind: 'leftovers', id: '' }, host)).toBe('inUse');
    expect(await bench.onHost(host, 'cat "$r/etc/fstab"')).toContain('/srv/old');
  });

  test("what bears a share's name and is another's is left alone", async () => {
    const host = await boot();
    await liveInstance(host);
    const [old, anew, elsewhere, gone, theirs] = [newId(), newId(), newId(), newId(), newId()];
    await mountShare(bench, host, old);
    const rules = [{ to: '10.0.0.9', level: 'rw' as const }];
    await bench.steps.applyNfsExports({ host, shareId: old, rules });
    // Managed again under another id it keeps its place; nothing says that fstab ends with a newline.
    await bench.onHost(
      host,
      'text=$(sed "s/x-hawser.share=$1/x-hawser.share=$2/" "$r/etc/fstab"); printf %s "$text" >"$r/etc/fstab"',
      old,
      anew,
    );
    await liveShare(anew);
    await bench.onHost(host, 'net conf addshare "share-$1" "$r/srv"', elsewhere);
    expect(await findOn(host)).toEqual([]);

    await bench.onHost(host, 'net conf addshare "share-$1" "$r/shares/share-$1"', gone);
    expect(await findOn(host)).toMatchObject([
      { owner: `share ${gone}`, name: `samba of /shares/share-${gone}`, keep: null },
    ]);
    expect(await remove({ kind: 'leftovers', id: `${host.instanceId}/${gone}` }, host)).toBe(
      'removed',
    );

    const other = await rig.addBackend();
    await other.steps.ensureVolume({ backend: other.backend, shareId: theirs, sizeGib: 1 });
    await bench.onHost(host, 'net conf addshare "share-$1" "$r/shares/share-$1"', theirs);
    expect(await findOn(host)).toMatchObject([
      { owner: `share ${theirs}`, keep: expect.stringContaining(`of backend ${other.backend}`) },
    ]);
    expect(await remove({ kind: 'leftovers', id: `${host.instanceId}/${theirs}` }, host)).toBe(
      'inUse',
    );
  });

  test('on a server that was there before only a marked line is a trace of Hawser', async () => {
    const host = await boot();
    const common = { ...host, instanceId: commonInstanceId(bench.backend) };
    await liveInstance(common);
    const [manilas, gone] = [newId(), newId()];
    await bench.onHost(host, 'net conf addshare "share-$1" "$r/shares"', manilas);
    await mountShare(bench, host, gone);
    expect(await findOn(common)).toMatchObject([{ owner: `share ${gone}` }]);
  });

  test('one that does not answer is said not to', async () => {
    const host = await boot();
    await rig.operator.compute.deleteServer(host.serverId);
    await liveInstance(host);
    const failure = await failureOf(findOn(host));
    expect(failure.message).toContain(host.address);
  }, 60_000);
});
