import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { openCloud } from '../../../dev/cloud.js';
import { createUndoStack, type UndoStack } from '../../../dev/undo-stack.js';
import type { Cloud } from '../../../openstack/index.js';
import { generateHostKey, type HostKey } from '../../../ssh/host-key.js';
import { logInToGuest } from '../../contract/guest.js';
import { output } from '../../devcloud/host-session.js';
import { bootExistingServer, existingServer } from '../../support/existing-server.js';
import { mountByHand } from '../../support/existing-share.js';
import type { ExistingExport } from './contender.js';

const path = '/srv/old';
const run = promisify(execFile);

/** What the one server that is there before both proves itself with. */
export const existingHostKey: HostKey = generateHostKey();

export interface Prepared {
  exported: ExistingExport;
  /** The export as the operator made it, whatever became of it. */
  exportAnew: () => Promise<void>;
  remove: UndoStack['undoAll'];
}

/** Boots a server with an NFS export on a volume, as an operator would, which lets the owners of these keys in. */
export async function prepareExport(cloudsYaml: string, publicKeys: string[]): Promise<Prepared> {
  const undo = createUndoStack();
  const cloud = openCloud(cloudsYaml, 'hawser');
  undo.push(() => cloud.session.close());
  try {
    return { ...(await makeExport(cloud, publicKeys, undo)), remove: undo.undoAll };
  } catch (error) {
    await undo.undoAll();
    throw error;
  }
}

async function makeExport(cloud: Cloud, publicKeys: string[], undo: UndoStack) {
  const userKey = generateHostKey();
  const hostKey = existingHostKey;
  // Volumes outlive the server that they are attached to.
  const volumeId = await makeVolume(cloud, undo);
  const { serverId, remove } = await bootExistingServer(cloud, { userKey, hostKey });
  undo.push(remove);
  await routeToServer(cloud, undo);
  const from = { connect: (address: string, port: number) => connect(port, address) };
  const guest = await logInToGuest(from, { address: existingServer.address, userKey, hostKey });
  undo.push(async () => guest.end());
  for (const key of publicKeys) {
    await output(guest, 'echo "$1" >>~manila/.ssh/authorized_keys', key);
  }
  await cloud.compute.attachVolume(serverId, volumeId);
  await untilStatus(cloud, volumeId, 'in-use');
  await output(guest, mountByHand, volumeId.slice(0, 20), path);
  const exportAnew = async () => {
    const line = `${path} 10.10.0.77(rw,sync,no_subtree_check,no_root_squash)\n`;
    await output(
      guest,
      'rm -f /etc/exports.d/* && printf %s "$1" >/etc/exports && exportfs -ra',
      line,
    );
  };
  return { exported: { location: `${existingServer.address}:${path}`, volumeId }, exportAnew };
}

async function makeVolume({ blockStorage }: Cloud, undo: UndoStack): Promise<string> {
  const { id } = await blockStorage.createVolume({ name: 'by hand', sizeGib: 1, metadata: {} });
  undo.push(async () => {
    await untilStatus({ blockStorage }, id, 'available');
    await blockStorage.deleteVolume(id);
  });
  await untilStatus({ blockStorage }, id, 'available');
  return id;
}

async function untilStatus(
  { blockStorage }: Pick<Cloud, 'blockStorage'>,
  id: string,
  wanted: string,
): Promise<void> {
  for (const end = Date.now() + 120_000; ; await sleep(200)) {
    const { status } = await blockStorage.getVolume(id);
    if (status === wanted) return;
    if (Date.now() > end) throw new Error(`Volume ${id} is ${status}, not ${wanted}`);
  }
}

/** Neither contender is in the server's network: this host is routed there, over the tenant's router. */
async function routeToServer({ network }: Cloud, undo: UndoStack): Promise<void> {
  const [router] = await network.listRouters({ name: 'demo-router' });
  const gateways = await network.listPorts({
    device_id: router?.id,
    device_owner: 'network:router_gateway',
  });
  const via = gateways[0]?.fixedIps[0]?.ipAddress;
  if (!via) throw new Error('The router demo-router has no address outside');
  await run('ip', ['route', 'replace', existingServer.cidr, 'via', via]);
  undo.push(() => run('ip', ['route', 'del', existingServer.cidr]));
}
