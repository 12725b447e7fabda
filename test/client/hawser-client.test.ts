import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, Context, heartbeat } from '@temporalio/activity';
import { describe, expect, it, inject } from 'vitest';
import {
  HawserClient,
  InvalidInput,
  OperationFailed,
  Refused,
  ShareExists,
  ShareNotFound,
  type Progress,
  type ShareView,
} from '../../client/index.js';
import { searchAttributes } from '../../workflows/search-attributes.js';
import { createRig, placeOf, type Rig, type Steps } from '../support/workflows.js';

/** Runs a story against the real workflows on a real Temporal, with steps that touch no cloud. */
async function withClient<T>(
  story: (client: HawserClient, rig: Rig) => Promise<T>,
  steps: Steps = {},
): Promise<T> {
  const rig = await createRig(steps);
  const client = await HawserClient.connect({ address: inject('temporalAddress') });
  try {
    return await rig.run(() => story(client, rig));
  } finally {
    await client.close();
  }
}

let shares = 0;
const specFor = ({ backend }: Rig) =>
  ({
    id: `${backend}-${(shares += 1)}`,
    protocol: 'NFS',
    sizeGib: 2,
    shareNetwork: 'net/subnet',
    backend,
  }) as const;

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

describe('a share', () => {
  it('takes the next request right behind the answer to one', async () => {
    await withClient(async (client, rig) => {
      const { id } = await client.createShare(specFor(rig));
      await client.waitForShare(id);
      // Its workflow continues as new behind the answer, as it does when its run is older than a second.
      await sleep(2500);
      await client.extendShare(id, 3);
      const asked = performance.now();
      await client.allowAccess(id, { to: '10.0.0.1', level: 'rw' });
      expect(performance.now() - asked).toBeLessThan(1200);
    });
  });

  it('is there at once, and available after a while', async () => {
    await withClient(async (client, rig) => {
      const spec = specFor(rig);
      const asked = await client.createShare(spec);
      expect(asked).toMatchObject({ ...spec, name: '', error: null });
      const view = await client.waitForShare(spec.id);
      expect(view).toMatchObject({ status: 'available', operation: null });
      expect(view.serviceInstance).toBe(`${rig.backend}-s1-0`);
      expect(view.exportLocations).toEqual([{ path: '10.254.0.5:/shares/x', adminOnly: false }]);
      expect(await client.getShare(spec.id)).toEqual(view);
    });
  });

  it('is the same one when the call is repeated, also at the same time', async () => {
    await withClient(async (client, rig) => {
      const spec = specFor(rig);
      const [one, two] = await Promise.all([client.createShare(spec), client.createShare(spec)]);
      await client.waitForShare(spec.id);
      const three = await client.createShare(spec);
      expect(two.createdAt).toBe(one.createdAt);
      expect(three).toMatchObject({ createdAt: one.createdAt, status: 'available' });
      expect(rig.calls.filter((step) => step === 'ensureVolume')).toHaveLength(1);
    });
  });

  it('keeps its id from a share with other parameters, which are named', async () => {
    await withClient(async (client, rig) => {
      const spec = specFor(rig);
      await client.createShare(spec);
      const bigger = client.createShare({ ...spec, sizeGib: 3 });
      await expect(bigger).rejects.toThrow(ShareExists);
      await expect(bigger).rejects.toThrow('sizeGib 2');
      // At the same moment, when neither finds the other's share there yet.
      const twin = specFor(rig);
      const outcomes = await Promise.allSettled([
        client.createShare(twin),
        client.createShare({ ...twin, protocol: 'CIFS' }),
      ]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      await client.waitForShare(spec.id);
      await client.waitForShare(twin.id);
    });
  });

  it('that could not be made keeps its reason until it is deleted', async () => {
    await withClient(
      async (client, rig) => {
        const spec = specFor(rig);
        await client.createShare(spec);
        const failed = client.waitForShare(spec.id);
        await expect(failed).rejects.toThrow(OperationFailed);
        await expect(failed).rejects.toMatchObject({ type: 'QuotaExceeded' });
        await expect(failed).rejects.toThrow('VolumeSizeExceedsAvailableQuota');
        expect(await client.getShare(spec.id)).toMatchObject({
          status: 'error',
          error: { type: 'QuotaExceeded' },
        });
        await client.deleteShare(spec.id);
        await client.waitUntilDeleted(spec.id);
        await expect(client.getShare(spec.id)).rejects.toThrow(ShareNotFound);
      },
      {
        ensureVolume: () => {
          throw ApplicationFailure.nonRetryable('VolumeSizeExceedsAvailableQuota', 'QuotaExceeded');
        },
      },
    );
  });

  it('can be made again under the id of a deleted one', async () => {
    await withClient(async (client, rig) => {
      const spec = specFor(rig);
      await client.createShare(spec);
      await client.waitForShare(spec.id);
      expect(await client.deleteShare(spec.id)).toMatchObject({ status: 'deleting' });
      await client.waitUntilDeleted(spec.id);
      await client.waitUntilDeleted(spec.id);
      await client.createShare({ ...spec, sizeGib: 5 });
      expect(await client.waitForShare(spec.id)).toMatchObject({ sizeGib: 5 });
    });
  });

  it('is not made a second time while the first one is being deleted', async () => {
    const deleted = gate();
    await withClient(
      async (client, rig) => {
        const spec = specFor(rig);
        await client.createShare(spec);
        await client.waitForShare(spec.id);
        await client.deleteShare(spec.id);
        await expect(client.createShare(spec)).rejects.toMatchObject({
          name: 'Refused',
          type: 'ShareBusy',
        });
        deleted.open();
        await client.waitUntilDeleted(spec.id);
      },
      { deleteVolume: () => deleted.opened },
    );
  });

  it('whose workflow somebody ends from outside is not waited for in vain', async () => {
    const made = gate();
    await withClient(
      async (client, rig) => {
        const { id } = await client.createShare(specFor(rig));
        const waits = [client.waitForShare(id), client.waitUntilDeleted(id)];
        const outcomes = Promise.allSettled(waits);
        for await (const { steps } of client.watchShare(id)) if (steps.length > 0) break;
        await client.temporal.workflow.getHandle(`share-${id}`).terminate('a test');
        for (const outcome of await outcomes) {
          expect(outcome).toMatchObject({
            status: 'rejected',
            reason: { type: 'EndedFromOutside', message: expect.stringContaining('TERMINATED') },
          });
        }
        made.open();
      },
      {
        ensureVolume: async () => {
          await made.opened;
          return { volumeId: 'vol1', volumeSizeGib: 1 };
        },
      },
    );
  });

  it('is listed by what it is, oldest first', async () => {
    await withClient(async (client, rig) => {
      const [one, two] = [specFor(rig), { ...specFor(rig), protocol: 'CIFS' as const }];
      for (const spec of [one, two]) {
        await client.createShare(spec);
        await client.waitForShare(spec.id);
      }
      const ids = async (filter: Parameters<HawserClient['listShares']>[0]) =>
        (await client.listShares({ backend: rig.backend, ...filter })).map(({ id }) => id);
      await expect.poll(() => ids({ status: 'available' })).toEqual([one.id, two.id]);
      expect(await ids({ protocol: 'CIFS' })).toEqual([two.id]);
      expect(await ids({ serviceInstance: `${rig.backend}-s1-0` })).toEqual([one.id, two.id]);
      expect(await ids({ serviceInstance: `${rig.backend}-s1-1` })).toEqual([]);
      expect(await ids({ status: 'error' })).toEqual([]);
    });
  });
});

describe('what can be seen of a running operation', () => {
  it('is its step, how often it was tried, and why it failed before', async () => {
    const steps = { tries: 0, ...gate() };
    const seen: Progress<ShareView>[] = [];
    await withClient(
      async (client, rig) => {
        const spec = specFor(rig);
        await client.createShare(spec);
        for await (const progress of client.watchShare(spec.id, { intervalMs: 50 })) {
          seen.push(progress);
          if (progress.steps.some(({ detail }) => detail === 'formatting')) steps.open();
        }
      },
      {
        formatAndMount: async ({ shareId, volumeId }) => {
          steps.tries += 1;
          if (steps.tries === 1) throw new Error('host 10.254.0.5 does not answer');
          heartbeat({ state: 'formatting' });
          await steps.opened;
          return { ...placeOf(shareId), volumeId };
        },
      },
    );
    const formats = seen.flatMap((progress) =>
      progress.steps.filter(({ step }) => step === 'formatAndMount'),
    );
    expect(formats.at(-1)).toMatchObject({
      operation: 'createShare',
      attempt: 2,
      state: 'running',
      lastFailure: 'host 10.254.0.5 does not answer',
      detail: 'formatting',
    });
    // Counted from the first attempt, over the second's wait of a second.
    expect(formats.at(-1)?.sinceMs).toBeGreaterThan(900);
    expect(formats.some(({ state }) => state === 'waiting to retry')).toBe(true);
    expect(seen.at(-1)?.view.status).toBe('available');
  });

  it('reaches into the service instance that a step names', async () => {
    const ssh = gate();
    const second = gate();
    let firstId = '';
    await withClient(
      async (client, rig) => {
        const [first, waiting] = [specFor(rig), specFor(rig)];
        firstId = first.id;
        await client.createShare(first);
        await client.createShare(waiting);
        const inside = new Set<string>();
        for await (const { steps } of client.watchShare(waiting.id, { intervalMs: 50 })) {
          for (const one of steps) inside.add(`${one.operation} ${one.step}`);
          if (inside.has('setUpServiceInstance waitForSsh')) {
            // The step that waits says less than the one it waits for.
            expect(steps.map(({ step }) => step)).not.toContain('resolveShareNetwork');
            ssh.open();
            second.open();
          }
        }
        expect([...inside]).toContain('setUpServiceInstance waitForSsh');
        await client.waitForShare(first.id);
      },
      {
        waitForSsh: () => ssh.opened,
        resolveShareNetwork: async ({ backend }) => {
          const network = { id: 's1', networkId: 'n1', subnetId: 's1', routerId: 'r1' };
          const operation = Context.current().info.workflowExecution?.workflowId;
          if (operation?.startsWith(`createShare-${firstId}-`)) return network;
          heartbeat({ instanceId: `${backend}-s1-0` });
          await second.opened;
          return network;
        },
      },
    );
  });
});

describe('access rules', () => {
  it('come and go by id or address, and a repeated one is the same', async () => {
    await withClient(async (client, rig) => {
      const { id } = await client.createShare(specFor(rig));
      await client.waitForShare(id);
      const rule = await client.allowAccess(id, { id: 'office', to: '10.0.0.5/32', level: 'rw' });
      expect(rule).toEqual({
        id: 'office',
        type: 'ip',
        to: '10.0.0.5',
        level: 'rw',
        state: 'active',
      });
      expect(await client.allowAccess(id, { id: 'office', to: '10.0.0.5', level: 'rw' })).toEqual(
        rule,
      );
      await client.allowAccess(id, { to: '2001:DB8::/32', level: 'ro' });
      expect((await client.getShare(id)).accessRules).toMatchObject([
        { id: 'office', to: '10.0.0.5' },
        { to: '2001:db8::/32', level: 'ro', state: 'active' },
      ]);
      await client.denyAccess(id, 'office');
      await client.denyAccess(id, '2001:db8::/32');
      expect((await client.getShare(id)).accessRules).toEqual([]);
    });
  });

  it('are refused by the share with its reason, before anything is done', async () => {
    await withClient(async (client, rig) => {
      const { id } = await client.createShare({ ...specFor(rig), protocol: 'CIFS' });
      await client.waitForShare(id);
      await client.allowAccess(id, { to: '10.0.0.5', level: 'rw' });
      const again = client.allowAccess(id, { to: '10.0.0.5', level: 'rw' });
      await expect(again).rejects.toThrow(Refused);
      await expect(again).rejects.toMatchObject({ type: 'RuleExists' });
      await expect(client.denyAccess(id, '10.9.9.9')).rejects.toMatchObject({
        type: 'RuleNotFound',
      });
      const readOnly = client.allowAccess(id, { to: '10.0.0.6', level: 'ro' });
      await expect(readOnly).rejects.toThrow(InvalidInput);
      expect(rig.calls.filter((step) => step === 'applyCifsShare')).toHaveLength(2);
    });
  });

  it('that cannot be applied say so with the failure of the step', async () => {
    let applied = 0;
    await withClient(
      async (client, rig) => {
        const { id } = await client.createShare(specFor(rig));
        await client.waitForShare(id);
        await expect(client.allowAccess(id, { to: '10.0.0.5', level: 'rw' })).rejects.toMatchObject(
          { name: 'OperationFailed', type: 'CommandFailed', message: 'exportfs: no' },
        );
      },
      {
        applyNfsExports: async () => {
          applied += 1;
          if (applied > 1) throw ApplicationFailure.nonRetryable('exportfs: no', 'CommandFailed');
          return [{ path: '10.254.0.5:/shares/x', adminOnly: false }];
        },
      },
    );
  });
});

describe('a service instance', () => {
  it('is shown also where its share network has no router', async () => {
    const network = { id: 's1', networkId: 'n1', subnetId: 's1', routerId: null };
    await withClient(
      async (client, rig) => {
        const { id } = await client.createShare(specFor(rig));
        const { serviceInstance } = await client.waitForShare(id);
        const shown = await client.getInstance(serviceInstance ?? '');
        expect(shown.shareNetwork).toEqual(network);
      },
      { resolveShareNetwork: async () => network },
    );
  });

  it('is listed and shown with its shares, and deleted only without them', async () => {
    await withClient(async (client, rig) => {
      const { id } = await client.createShare(specFor(rig));
      const { serviceInstance } = await client.waitForShare(id);
      const instance = serviceInstance ?? '';
      expect(await client.getInstance(instance)).toMatchObject({
        id: instance,
        status: 'active',
        address: '10.254.0.5',
        shares: [id],
      });
      await expect
        .poll(async () => (await client.listInstances()).map((one) => one.id))
        .toContain(instance);
      await expect(client.deleteInstance(instance)).rejects.toMatchObject({
        name: 'Refused',
        type: 'InstanceInUse',
      });
      await client.deleteShare(id);
      await client.waitUntilDeleted(id);
      await client.deleteInstance(instance);
      await client.waitUntilInstanceDeleted(instance);
      await expect(client.getInstance(instance)).rejects.toMatchObject({
        type: 'InstanceNotFound',
      });
    });
  });
});

describe('all shares of a backend', () => {
  it('are ensured by a workflow that is found by its backend', async () => {
    await withClient(async (client, rig) => {
      expect(await client.ensureShares({ backend: rig.backend })).toEqual({ instances: [] });
      const handle = client.temporal.workflow.getHandle(`ensureShares-${rig.backend}`);
      const { typedSearchAttributes } = await handle.describe();
      expect(typedSearchAttributes.get(searchAttributes.backend)).toBe(rig.backend);
    });
  });
});
