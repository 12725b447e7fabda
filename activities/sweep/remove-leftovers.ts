import type { InstanceHost } from '../../workflows/model.js';
import type { Backends } from '../backend.js';
import { createCifsExportActivities } from '../cifs-exports.js';
import { permanent } from '../failures.js';
import { createFileSystemActivities } from '../file-systems.js';
import { hostScript } from '../host-script.js';
import { createNfsExportActivities } from '../nfs-exports.js';
import { createLeftovers, markedLeftovers, whyKept } from './leftovers.js';
import type { IsOrphan, Removed } from './marked.js';

/** Takes off a service instance what a share that is gone left there, by the steps that take off any share. */
export function createLeftoversRemoval(backends: Backends) {
  const nfs = createNfsExportActivities(backends);
  const cifs = createCifsExportActivities(backends);
  const fileSystems = createFileSystemActivities(backends);
  const removeScratch = hostScript(backends, 'remove-scratch', 60_000);
  const listLeftovers = createLeftovers(backends);

  return async (host: InstanceHost, shareId: string, isOrphan: IsOrphan): Promise<Removed> => {
    const look = async () => (await listLeftovers(host)).find((one) => one.shareId === shareId);
    const onHost = await look();
    if (!onHost) return 'removed';
    const kept = await whyKept(backends(host.backend), onHost);
    if (kept !== null || !(await isOrphan(markedLeftovers(host, onHost)))) return 'inUse';
    if (onHost.parts.has('exports')) await nfs.applyNfsExports({ host, shareId, rules: [] });
    if (onHost.parts.has('samba')) await cifs.removeCifsShare({ host, shareId });
    await fileSystems.unmountShare({ host, shareId });
    await removeScratch(host, shareId);
    const left = await look();
    if (!left) return 'removed';
    throw permanent(
      'CommandFailed',
      `Service instance ${host.instanceId} still has ${[...left.parts].join(', ')} of share ${shareId}`,
    );
  };
}
