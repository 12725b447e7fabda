import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HawserClient } from '../../../client/index.js';
import { startEnvironment } from '../../../dev/environment.js';
import { cloudUnderTest } from '../../support/cloud-under-test.js';
import { existingBackend } from '../../support/existing-server.js';
import { removeEverything } from '../../support/remove-everything.js';
import { pollMs, tenantNetwork, type Contender } from './contender.js';
import { existingHostKey } from './existing-export.js';

/** Hawser, with a Temporal server and a worker of its own on the cloud under test. */
export async function startHawser(): Promise<Contender> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hawser-compare-'));
  const environment = await startEnvironment({
    stateDir,
    cloud: cloudUnderTest(),
    moreBackends: () => ({
      existing: { ...existingBackend(existingHostKey), interface_driver: 'noop' },
    }),
  });
  const hawser = await HawserClient.connect({ address: environment.temporalAddress });
  const shareNetwork = `${tenantNetwork.network}/${tenantNetwork.subnet}`;
  const asOften = { intervalMs: pollMs };

  return {
    name: 'Hawser',
    publicKey: await readFile(join(stateDir, 'ssh/id_ed25519.pub'), 'utf8'),
    async createShare(id, protocol) {
      await hawser.createShare({ id, protocol, sizeGib: 1, shareNetwork });
      await hawser.waitForShare(id, asOften);
      return id;
    },
    async allowAccess(shareId, address) {
      const { state } = await hawser.allowAccess(shareId, { to: address, level: 'rw' });
      if (state !== 'active') throw new Error(`Hawser: the rule of ${shareId} is ${state}`);
    },
    async resizeShare(shareId, sizeGib) {
      const { sizeGib: before } = await hawser.getShare(shareId);
      if (before < sizeGib) await hawser.extendShare(shareId, sizeGib);
      else await hawser.shrinkShare(shareId, sizeGib);
    },
    async createSnapshot(shareId, id) {
      await hawser.createSnapshot(shareId, { id });
      return id;
    },
    async createFromSnapshot(id, { sizeGib, ...fromSnapshot }) {
      await hawser.createShare({ id, protocol: 'NFS', sizeGib, shareNetwork, fromSnapshot });
      await hawser.waitForShare(id, asOften);
      return id;
    },
    async deleteSnapshot(shareId, snapshotId) {
      await hawser.deleteSnapshot(shareId, snapshotId);
    },
    // It looks for the server when the first share is to be there.
    untilManageable: () => Promise.resolve(),
    async manage(id, { location: exportLocation, volumeId }) {
      const backend = 'existing';
      await hawser.manageShare({ id, protocol: 'NFS', backend, exportLocation, volumeId });
      await hawser.waitForShare(id, asOften);
      return id;
    },
    async unmanage(shareId) {
      await hawser.unmanageShare(shareId);
      await hawser.waitUntilUnmanaged(shareId, asOften);
    },
    async deleteShare(shareId) {
      await hawser.deleteShare(shareId);
      await hawser.waitUntilDeleted(shareId, asOften);
    },
    async removeServers() {
      for (const { id } of await hawser.listInstances()) {
        await hawser.deleteInstance(id);
        await hawser.waitUntilInstanceDeleted(id, asOften);
      }
    },
    async close() {
      const problems = await removeEverything(hawser);
      await hawser.close();
      await environment.stop();
      await rm(stateDir, { recursive: true, force: true });
      if (problems.length > 0) throw new Error(`Left in the cloud: ${problems.join('; ')}`);
    },
  };
}
