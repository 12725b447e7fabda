import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newLocation } from '../../activities/share-paths.js';
import type { InstanceHost } from '../../workflows/model.js';
import {
  attachShare,
  bootInstance,
  failureOf,
  startActivityRig,
  type ActivityRig,
  type Bench,
} from '../support/activities.js';

let rig: ActivityRig;
let bench: Bench;
let host: InstanceHost;
let on: { host: InstanceHost; shareId: string; volumeId: string };
let next = 0;

beforeAll(async () => {
  rig = await startActivityRig();
  ({ bench, host } = await bootInstance(rig));
});
afterAll(() => rig?.stop());

beforeEach(async () => {
  next += 1;
  on = { host, ...(await attachShare(bench, host, `s${next}`)) };
});

const path = () => newLocation(bench.options, on.shareId).path;
const mounted = async () => (await bench.steps.measureShare(on)) !== null;
const rules = [{ to: '10.0.0.1', level: 'rw' as const }];

/** Whom the server of the protocol lets in. */
const admitted = {
  NFS: async () => {
    const lines = (await bench.onHost(host, 'exportfs -s')).split('\n');
    const own = lines.filter((line) => line.split(/\s+/)[0]?.endsWith(path()));
    return own.map((line) => /\s(\S+)\(/.exec(line)?.[1]);
  },
  CIFS: async () => {
    const script = 'net conf getparm "$1" "hosts allow" 2>/dev/null || true';
    const said = await bench.onHost(
      host,
      script,
      newLocation(bench.options, on.shareId).exportName,
    );
    return said
      .trim()
      .split(/\s+/)
      .filter((one) => one && one !== '127.0.0.1');
  },
};

test('a blank volume gets a file system that is open to every user, and a repeat keeps its files', async () => {
  const place = await bench.steps.formatAndMount(on);
  expect(place).toEqual({ ...newLocation(bench.options, on.shareId), volumeId: on.volumeId });
  expect((await bench.onHost(host, 'stat -c %a "$r$1"', path())).trim()).toBe('777');
  await bench.onHost(host, 'echo kept >"$r$1/file"', path());
  await bench.steps.formatAndMount(on);
  expect(await bench.onHost(host, 'cat "$r$1/file"', path())).toBe('kept\n');
});

test('what is not blank is neither formatted nor mounted', async () => {
  await rig.planFault({ operation: 'volume.create' }, { dirtyVolume: true });
  on = { host, ...(await attachShare(bench, host, `${on.shareId}d`)) };
  const failure = await failureOf(bench.steps.formatAndMount(on));
  expect(failure).toMatchObject({ type: 'DeviceNotBlank', nonRetryable: true });
  expect(failure.message).toContain('nothing was touched');
  expect(await mounted()).toBe(false);
});

test.each(['NFS', 'CIFS'] as const)(
  'a share by %s is closed and unmounted, then mounted and open to its rules, with its files',
  async (protocol) => {
    const open = () => bench.steps.mountAndExport({ ...on, protocol, rules });
    const close = () => bench.steps.unexportAndUnmount({ host, shareId: on.shareId, protocol });
    await bench.steps.formatAndMount(on);
    await bench.onHost(host, 'echo kept >"$r$1/file"', path());
    for (const round of ['first', 'second']) {
      const [location] = await open();
      expect(await open(), round).toEqual([location]);
      expect(location?.path, round).toContain(host.address);
      expect(await admitted[protocol](), round).toEqual(['10.0.0.1']);
      expect(await bench.onHost(host, 'cat "$r$1/file"', path()), round).toBe('kept\n');
      await close();
      await close();
      expect(await admitted[protocol](), round).toEqual([]);
      expect(await mounted(), round).toBe(false);
    }
  },
);

test('what cannot be mounted is not exported', async () => {
  const failure = await failureOf(bench.steps.mountAndExport({ ...on, protocol: 'NFS', rules }));
  expect(failure.type).toBe('CommandFailed');
  expect(await admitted.NFS()).toEqual([]);
  await bench.steps.formatAndMount(on);
  await bench.steps.mountAndExport({ ...on, protocol: 'NFS', rules });
  expect(await admitted.NFS()).toEqual(['10.0.0.1']);
});

test('what cannot be unmounted is at least closed', async () => {
  const other = { host, ...(await attachShare(bench, host, `${on.shareId}o`)) };
  await bench.steps.formatVolume(other);
  await bench.steps.formatAndMount(on);
  await bench.steps.mountAndExport({ ...on, protocol: 'NFS', rules });
  const cover = 'mount "$r/dev/disk/by-id/virtio-$2" "$r$1"';
  await bench.onHost(host, cover, path(), other.volumeId.slice(0, 20));
  const closing = bench.steps.unexportAndUnmount({ ...on, protocol: 'NFS' });
  expect((await failureOf(closing)).message).toContain('is covered by');
  expect(await admitted.NFS()).toEqual([]);
});

test('a server that is off or gone holds up a share that is to come back, and none that goes', async () => {
  const off = await bootInstance(rig);
  const server = off.host;
  const { nova } = await rig.devcloud.as('hawser');
  await nova('POST', `/servers/${server.serverId}/action`, { 'os-stop': null });
  await expect
    .poll(async () => (await rig.operator.compute.findServer(server.serverId))?.status)
    .toBe('SHUTOFF');
  const closing = { host: server, shareId: on.shareId, protocol: 'NFS' } as const;
  const { steps } = off.bench;
  expect((await failureOf(steps.unexportAndUnmount(closing))).type).toBe('HostUnreachable');
  await steps.unexportAndUnmount({ ...closing, forGood: true });
  await nova('DELETE', `/servers/${server.serverId}`);
  await expect.poll(() => steps.serverExists(server)).toBe(false);
  await steps.unexportAndUnmount({ ...closing, forGood: true });
});
