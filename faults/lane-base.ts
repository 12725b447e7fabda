import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from './bench.js';
import type { Lane } from './lanes.js';
import { entitiesOf, takePicture, type Picture } from './picture.js';

export type Base = 'bare' | 'instance';

/** Keeps a lane in the state that its next cell begins with, and says what a cell left in it. */
export class LaneKeeper {
  readonly #bench: Bench;
  readonly #lane: Lane;
  readonly #bare: Picture;
  #withInstance: Picture | undefined;

  private constructor(bench: Bench, lane: Lane, bare: Picture) {
    this.#bench = bench;
    this.#lane = lane;
    this.#bare = bare;
  }

  static async of(bench: Bench, lane: Lane): Promise<LaneKeeper> {
    return new LaneKeeper(bench, lane, await takePicture(bench, lane));
  }

  /** Makes the lane have an instance without shares for each network of its tenant's, or none. */
  async enter(base: Base): Promise<void> {
    const { hawser, patience } = this.#bench;
    if (base === 'bare') {
      const problems = await this.removeAll();
      if (problems.length > 0) throw new Error(problems.join('; '));
      this.#withInstance = undefined;
      return;
    }
    if (this.#withInstance) return;
    const signal = AbortSignal.timeout(90_000 * patience);
    const { name, where, second } = this.#lane;
    const networks = [where, ...(second ? [{ ...where, shareNetwork: second.shareNetwork }] : [])];
    for (const [at, network] of networks.entries()) {
      const id = `base-${name}-${at}`;
      this.#lane.shares.add(id);
      await hawser.createShare({ id, protocol: 'NFS', sizeGib: 1, ...network });
      await hawser.waitForShare(id, { signal });
      await hawser.deleteShare(id);
      await hawser.waitUntilDeleted(id, { signal });
    }
    this.#withInstance = await takePicture(this.#bench, this.#lane);
  }

  /** Deletes the shares that are left, and without a base also the instances; returns what would not go. */
  async removeAll({ keepInstance = false } = {}): Promise<string[]> {
    const { hawser, patience } = this.#bench;
    const signal = AbortSignal.timeout(60_000 * patience);
    const problems: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      problems.length = 0;
      const { shares, instances } = await entitiesOf(this.#bench, this.#lane);
      const trying = (what: string, work: () => Promise<unknown>) =>
        work().catch((error: unknown) => problems.push(`${what}: ${String(error)}`));
      for (const { id, snapshots } of shares) {
        await trying(`deleting share ${id}`, async () => {
          for (const snapshot of snapshots) await hawser.deleteSnapshot(id, snapshot.id);
          await hawser.deleteShare(id);
          await hawser.waitUntilDeleted(id, { signal });
        });
      }
      const unwanted = keepInstance ? [] : instances;
      for (const { id } of unwanted) {
        await trying(`deleting instance ${id}`, async () => {
          await hawser.deleteInstance(id);
          await hawser.waitUntilInstanceDeleted(id, { signal });
        });
      }
      if (problems.length === 0 || signal.aborted) break;
      await sleep(500);
    }
    if (problems.length === 0) this.#lane.shares.clear();
    return problems;
  }

  /** The picture that the lane shall have again: that with the instance where there is one. */
  get base(): Picture {
    return this.#withInstance ?? this.#bare;
  }

  get bare(): Picture {
    return this.#bare;
  }

  /** Whatever happened, the lane becomes bare: by force, past Hawser. Throws when not even that works. */
  async scrub(): Promise<void> {
    const { workflow } = this.#bench.hawser.temporal;
    const query = `HawserBackend = '${this.#lane.name}' AND ExecutionStatus = 'Running'`;
    for await (const { workflowId } of workflow.list({ query })) {
      await workflow
        .getHandle(workflowId)
        .terminate('the lane is scrubbed')
        .catch(() => undefined);
    }
    this.#withInstance = undefined;
    this.#lane.shares.clear();
    for (let round = 0; round < 40 * this.#bench.patience; round += 1) {
      const extra = await this.#extra();
      if (Object.values(extra).every((ids) => ids.length === 0)) return;
      await this.#removeByForce(extra);
      await sleep(250);
    }
    throw new Error(
      `${this.#lane.name} cannot be scrubbed: ${JSON.stringify(await this.#extra())}`,
    );
  }

  async #extra(): Promise<Record<string, string[]>> {
    const now = await this.#bench.control.holdings(this.#lane.project);
    const entries = Object.entries(now).map(([kind, rows]) => {
      const known = new Set(this.#bare.holdings[kind]?.map(({ id }) => id));
      return [kind, rows.map(({ id }) => id).filter((id) => !known.has(id))] as const;
    });
    return Object.fromEntries(entries);
  }

  async #removeByForce(extra: Record<string, string[]>): Promise<void> {
    const { compute, blockStorage, network, session } = this.#lane.cloud;
    const each = async (kind: string, remove: (id: string) => Promise<unknown>) => {
      for (const id of extra[kind] ?? []) await remove(id).catch(() => undefined);
    };
    await each('servers', (id) => compute.deleteServer(id));
    await each('keypairs', (id) => compute.deleteKeypair(id.slice(id.indexOf('/') + 1)));
    await each('snapshots', (id) => blockStorage.deleteSnapshot(id));
    await each('volumes', async (id) => {
      const body = { 'os-reset_status': { status: 'available' } };
      const path = `/volumes/${id}/action`;
      await session.send({ service: 'volume', method: 'POST', path, body }).catch(() => undefined);
      await blockStorage.deleteVolume(id);
    });
    const routers = this.#bare.holdings['routers'] ?? [];
    for (const { id: router } of routers) {
      await each('subnets', (subnetId) => network.removeRouterInterface(router, { subnetId }));
    }
    await each('ports', (id) => network.deletePort(id));
    await each('subnets', (id) => network.deleteSubnet(id));
    await each('networks', (id) => network.deleteNetwork(id));
    await each('securityGroups', (id) => network.deleteSecurityGroup(id));
  }
}
