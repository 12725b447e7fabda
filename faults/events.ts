import { setTimeout as sleep } from 'node:timers/promises';
import { createApi } from '../openstack/api.js';

import type { Event } from './kinds.js';
import { entitiesOf } from './picture.js';
import type { Place } from './place.js';
import type { Scenario } from './scenario.js';

/** A step learns with its next heartbeat that nobody wants it any more; until then its call is held. */
const untilToldMs = 2500;

/** What happens in one lane alone; what happens to all is the batch's. False when there was nothing that it could happen to. */
export async function happen(event: Event, place: Place, scenario: Scenario): Promise<boolean> {
  switch (event) {
    case 'reboot the guest':
      return reboot(place);
    case 'cancel the operation':
      return endOperation(place, scenario, 'cancel');
    case 'terminate the operation':
      return endOperation(place, scenario, 'terminate');
    default:
      return true;
  }
}

export async function reboot({ bench, lane }: Place): Promise<boolean> {
  const { servers: all = [] } = await bench.control.holdings(lane.project);
  const servers = all.filter(
    ({ vmState, taskState }) => vmState === 'active' && taskState === null,
  );
  const compute = createApi(lane.cloud.session, 'compute');
  for (const { id } of servers) {
    await compute.send('POST', `/servers/${id}/action`, { body: { reboot: { type: 'HARD' } } });
  }
  // What is held goes on when it has happened: whoever asks Nova meanwhile is told to wait for it.
  const underWay = async () => {
    const { servers: now = [] } = await bench.control.holdings(lane.project);
    return now.some(({ taskState }) => taskState !== null);
  };
  const deadline = Date.now() + 30_000 * bench.patience;
  while (await underWay()) {
    if (Date.now() > deadline) throw new Error(`a server of ${lane.name} does not end its reboot`);
    await sleep(50);
  }
  return servers.length > 0;
}

/** Of an instance that a share waits for, its own: that is where the call is. */
async function endOperation(
  { bench, lane }: Place,
  scenario: Scenario,
  how: 'cancel' | 'terminate',
): Promise<boolean> {
  const { shares, instances } = await entitiesOf(bench, lane);
  const running = [...instances, ...shares].find(({ operation }) => operation !== null);
  const workflowId = scenario.workflowId?.(lane.name) ?? running?.operation?.workflowId;
  if (workflowId === undefined) return false;
  const handle = bench.hawser.temporal.workflow.getHandle(workflowId);
  if (how === 'cancel') await handle.cancel();
  else await handle.terminate('a fault of the matrix');
  await sleep(untilToldMs);
  return true;
}
