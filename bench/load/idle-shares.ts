import { setTimeout as sleep } from 'node:timers/promises';
import { fewAtATime } from '../../workflows/few-at-a-time.js';
import { newShareView, shareWorkflowId, taskQueue, type ShareView } from '../../workflows/model.js';
import type { ShareInput } from '../../workflows/share.js';
import { backend, idlePrefix, shareNetwork, type Bench } from '../hawser.js';

const startedAtOnce = 50;
const onEachInstance = 20;
const lookEveryMs = 200;

/**
 * Starts shares as they are after an operation, continued as new: in service, with nothing to do. There is nothing of
 * them in the cloud. Returns when each has told its view; `count` is how many there are then, those from before included.
 */
export async function haveIdleShares({ hawser }: Bench, count: number): Promise<void> {
  const { workflow } = hawser.temporal;
  const query = `WorkflowId STARTS_WITH '${shareWorkflowId(idlePrefix)}' AND HawserStatus = 'available'`;
  const there = async () => (await workflow.count(query)).count;
  const before = await there();
  const missing = Array.from({ length: count - before }, (_, at) => before + at);
  await fewAtATime(startedAtOnce, missing, async (number) => {
    const input = idleShare(number);
    await workflow.start('share', {
      workflowId: shareWorkflowId(input.request.id),
      taskQueue: taskQueue(backend),
      args: [input],
      memo: { view: input.state?.view },
    });
  });
  while ((await there()) < count) await sleep(lookEveryMs);
}

function idleShare(number: number): ShareInput {
  const id = `${idlePrefix}${number}`;
  const request = { id, name: id, protocol: 'NFS', sizeGib: 1, shareNetwork, backend } as const;
  const instanceId = `${idlePrefix}instance-${Math.floor(number / onEachInstance)}`;
  const address = '10.254.0.3';
  const path = `/shares/share-${id}`;
  const volumeId = `volume-of-${id}`;
  const view: ShareView = {
    ...newShareView(request, new Date().toISOString()),
    status: 'available',
    serviceInstance: instanceId,
    volumeId,
    volumeSizeGib: 1,
    exportLocations: [{ path: `${address}:${path}`, adminOnly: false }],
    accessRules: [{ id: 'rule', type: 'ip', to: '10.20.0.7', level: 'rw', state: 'active' }],
  };
  const instance = {
    backend,
    instanceId,
    serverId: `server-of-${instanceId}`,
    address,
    hostKey: 'ssh-ed25519 AAAA',
    exportAddress: address,
  };
  const location = { volumeId, path, exportName: `share-${id}`, fileSystem: 'ext4' } as const;
  return { request, state: { view, instance, location, exists: true, operations: 2 } };
}
