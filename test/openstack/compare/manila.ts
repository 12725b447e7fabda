import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { openCloud } from '../../../dev/cloud.js';
import { tenantNetwork, type Contender } from './contender.js';
import { ManilaApi } from './manila-api.js';

const id = z.object({ id: z.string() });
const status = z.object({ share: z.object({ status: z.string() }) });
const sized = z.object({ share: z.object({ size: z.number() }) });
const rules = z.object({ access_list: z.array(z.object({ state: z.string() })).min(1) });
const snapshot = z.object({ snapshot: z.object({ id: z.string(), status: z.string() }) });
const managed = z.object({ share: id });
const services = z.object({ services: z.array(z.object({ host: z.string(), state: z.string() })) });
const shares = z.object({ shares: z.array(id) });
const servers = z.object({ share_servers: z.array(id) });

/** The pool of the backend that has one server for all, as manila.conf has it. */
const existingPool = 'cloud@single#single';

/** The real Manila with its generic driver, by its API: shares as a tenant's, servers as the administrator's. */
export async function connectManila(cloudsYaml: string): Promise<Contender> {
  const tenant = await ManilaApi.connect(cloudsYaml, 'demo');
  const admin = await ManilaApi.connect(cloudsYaml, 'admin');
  const networkId = await shareNetwork(tenant, cloudsYaml);
  const removeServers = async () => {
    const { share_servers: found } = await admin.get('/share-servers', servers);
    for (const server of found) await admin.delete(`/share-servers/${server.id}`);
  };

  const untilAvailable = (shareId: string) =>
    tenant.until(`/shares/${shareId}`, status, ({ share }) =>
      settled(share.status, `share ${shareId}`, 'available'),
    );
  const createShare = async (share: object): Promise<string> => {
    const asked = { share: { ...share, share_network_id: networkId, share_type: 'generic' } };
    const made = await tenant.post('/shares', asked, z.object({ share: id }));
    await untilAvailable(made.share.id);
    return made.share.id;
  };

  return {
    name: 'Manila',
    publicKey: await readFile(join(dirname(cloudsYaml), 'data/manila/id.pub'), 'utf8'),
    createShare: (name, protocol) => createShare({ name, share_proto: protocol, size: 1 }),
    async resizeShare(shareId, sizeGib) {
      const { share } = await tenant.get(`/shares/${shareId}`, sized);
      const action = share.size < sizeGib ? 'extend' : 'shrink';
      const asked = { [action]: { new_size: sizeGib } };
      await tenant.act(`/shares/${shareId}/action`, asked);
      await untilAvailable(shareId);
    },
    async createSnapshot(shareId, name) {
      const asked = { snapshot: { share_id: shareId, name } };
      const { snapshot: made } = await tenant.post('/snapshots', asked, snapshot);
      await tenant.until(`/snapshots/${made.id}`, snapshot, ({ snapshot: seen }) =>
        settled(seen.status, `snapshot ${made.id}`, 'available'),
      );
      return made.id;
    },
    createFromSnapshot: (name, { snapshotId, sizeGib }) =>
      createShare({ name, share_proto: 'NFS', size: sizeGib, snapshot_id: snapshotId }),
    deleteSnapshot: (_shareId, snapshotId) => tenant.delete(`/snapshots/${snapshotId}`),
    async allowAccess(shareId, address) {
      const access = { access_type: 'ip', access_to: address, access_level: 'rw' };
      await tenant.post(`/shares/${shareId}/action`, { allow_access: access }, z.unknown());
      await tenant.until(`/share-access-rules?share_id=${shareId}`, rules, (seen) =>
        seen.access_list.every(({ state }) => settled(state, `rule of ${shareId}`, 'active')),
      );
    },
    async manage(name, { location, volumeId }) {
      const share = {
        name,
        protocol: 'NFS',
        export_path: location,
        service_host: existingPool,
        share_type: 'single',
        driver_options: { volume_id: volumeId },
      };
      const { share: made } = await admin.post('/shares/manage', { share }, managed);
      await admin.until(`/shares/${made.id}`, status, ({ share: seen }) =>
        settled(seen.status, `share ${made.id}`, 'available'),
      );
      return made.id;
    },
    async unmanage(shareId) {
      await admin.act(`/shares/${shareId}/action`, { unmanage: null });
      await admin.until(`/shares/${shareId}`, status, ({ share }) =>
        settled(share.status, `share ${shareId}`, 'gone'),
      );
    },
    async untilManageable() {
      await admin.until('/services?binary=manila-share', services, ({ services: seen }) =>
        seen.some(({ host, state }) => existingPool.startsWith(`${host}#`) && state === 'up'),
      );
    },
    deleteShare: (shareId) => tenant.delete(`/shares/${shareId}`),
    removeServers,
    async close() {
      const { snapshots } = await tenant.get('/snapshots', z.object({ snapshots: z.array(id) }));
      await Promise.all(snapshots.map((one) => tenant.delete(`/snapshots/${one.id}`)));
      const mine = await tenant.get(`/shares?share_network_id=${networkId}`, shares);
      await Promise.all(mine.shares.map((share) => tenant.delete(`/shares/${share.id}`)));
      await removeServers();
      await tenant.delete(`/share-networks/${networkId}`);
    },
  };
}

function settled(seen: string, what: string, wanted: string): boolean {
  if (seen.includes('error')) throw new Error(`Manila: ${what} went to ${seen}`);
  return seen === wanted;
}

async function shareNetwork(tenant: ManilaApi, cloudsYaml: string): Promise<string> {
  const { network, session } = openCloud(cloudsYaml, 'demo');
  const [net] = await network.listNetworks({ name: tenantNetwork.network });
  const [subnet] = await network.listSubnets({ name: tenantNetwork.subnet });
  await session.close();
  const asked = { name: 'compare', neutron_net_id: net?.id, neutron_subnet_id: subnet?.id };
  const made = z.object({ share_network: id });
  return (await tenant.post('/share-networks', { share_network: asked }, made)).share_network.id;
}
