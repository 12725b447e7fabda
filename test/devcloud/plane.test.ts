import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import pino from 'pino';
import { expect, test } from 'vitest';
import type { NetworkPlane } from '../../devcloud/hosts/hosts.js';
import { SimulatedHosts } from '../../devcloud/hosts/simulated/simulated-hosts.js';
import { Plane } from '../../devcloud/neutron/plane.js';
import { newResource } from '../../devcloud/neutron/resource.js';
import { systemCaller } from '../../devcloud/neutron/routers.js';
import { Store } from '../../devcloud/state.js';
import { openTables } from '../../devcloud/tables.js';

/** Hosts whose wires take as long as a test wants. */
class SlowHosts extends SimulatedHosts {
  readonly begun: NetworkPlane[] = [];
  finish: () => void = () => undefined;

  override async applyNetworks(plane: NetworkPlane): Promise<void> {
    this.begun.push(plane);
    await new Promise<void>((resolve) => (this.finish = resolve));
    await super.applyNetworks(plane);
  }
}

test('a plane that is stopped ends what is under way, and makes nothing anew', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'devcloud-plane-'));
  const log = pino({ level: 'silent' });
  const store = new Store(stateDir);
  const tables = openTables(store);
  const hosts = new SlowHosts({ stateDir, log });
  const plane = new Plane(hosts, tables, log);
  const addRouter = (name: string) =>
    tables.routers.put({
      ...newResource({ ...systemCaller, projectId: 'p' }, { name }),
      adminStateUp: true,
      externalGateway: null,
      routes: [],
    });

  addRouter('a');
  await expect.poll(() => hosts.begun.length).toBe(1);
  addRouter('b');
  const stopped = plane.stop().then(() => 'stopped');
  expect(await Promise.race([stopped, nextTurn('still at it')])).toBe('still at it');
  hosts.finish();
  expect(await stopped).toBe('stopped');
  await nextTurn();
  expect(hosts.begun).toHaveLength(1);
  store.close();
  await rm(stateDir, { recursive: true, force: true });
});
