import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { HawserClient } from '../../client/index.js';
import { findCommonServer } from '../../worker/common-server.js';
import { commonInstanceId, serviceInstanceWorkflowId } from '../../workflows/model.js';
import { deleteInstanceUpdate, findServerUpdate } from '../../workflows/messages.js';
import { createRig, type Rig, type Steps } from '../support/workflows.js';

const options = { driver_handles_share_servers: false, max_shares_per_share_server: 2 };

/** A backend with one server for all shares, whose search is a fake step. */
async function withBackend(
  steps: Steps,
  story: (rig: Rig, client: HawserClient) => Promise<void>,
): Promise<Rig> {
  const rig = await createRig({ resolveShareNetwork: async () => null, ...steps }, options);
  await rig.run(() => story(rig, new HawserClient(rig.client)));
  return rig;
}

const specFor = ({ backend }: Rig) =>
  ({ id: randomUUID(), protocol: 'NFS', sizeGib: 1, backend }) as const;

async function create(client: HawserClient, rig: Rig): Promise<string> {
  const spec = specFor(rig);
  await client.createShare(spec);
  await client.waitForShare(spec.id);
  return spec.id;
}

const entityOf = ({ client, backend }: Rig) =>
  client.workflow.getHandle(serviceInstanceWorkflowId(commonInstanceId(backend)));

/** As a worker does it when it starts; answers with what it logs. */
async function startWorker({ backend, client }: Rig, maxShares = 2): Promise<string[]> {
  const lines: string[] = [];
  const note = (facts: unknown, words: unknown) =>
    lines.push(`${String(words)} ${JSON.stringify(facts)}`);
  await findCommonServer({
    backend: {
      name: backend,
      options: { ...options, max_shares_per_share_server: maxShares } as never,
    },
    temporal: client,
    signal: new AbortController().signal,
    log: { info: note as never, warn: note as never },
  });
  return lines;
}

const noServer = () => {
  throw ApplicationFailure.nonRetryable('No server has the name nas', 'ServerNotFound');
};

test('shares without a network live on the one server, which is found once', async () => {
  const { calls } = await withBackend({}, async (rig, client) => {
    const one = await create(client, rig);
    const two = await create(client, rig);
    const instanceId = commonInstanceId(rig.backend);
    expect(await client.getShare(one)).toMatchObject({
      shareNetwork: null,
      serviceInstance: instanceId,
    });
    expect(await client.getInstance(instanceId)).toMatchObject({
      shareNetwork: null,
      status: 'active',
      serverId: 'c1',
      address: '10.0.9.5',
      shares: [one, two],
      maxShares: 2,
    });
    await client.deleteShare(one);
    await client.waitUntilDeleted(one);
    expect((await client.getInstance(instanceId)).shares).toEqual([two]);
  });
  expect(calls.filter((name) => name === 'findCommonServer')).toHaveLength(1);
  expect(calls).not.toContain('ensureServer');
});

test('a share that finds no place there fails, says so, and leaves nothing behind', async () => {
  const { calls } = await withBackend({}, async (rig, client) => {
    await create(client, rig);
    await create(client, rig);
    const failure = create(client, rig);
    await expect(failure).rejects.toMatchObject({ type: 'InstanceFull' });
    await expect(failure).rejects.toThrow('max_shares_per_share_server');
    expect((await client.getInstance(commonInstanceId(rig.backend))).shares).toHaveLength(2);
  });
  expect(calls).toContain('deleteVolume');
});

test.each([
  ['findCommonServer', noServer],
  [
    'checkImageRequirements',
    () => {
      throw ApplicationFailure.nonRetryable('exportfs is missing', 'ImageRequirementsNotMet');
    },
  ],
])(
  'a search that failed at %s fails its share, and the next share searches again',
  async (step, fail) => {
    let attempts = 0;
    const steps: Steps = {
      [step]: async () => {
        attempts += 1;
        if (attempts === 1) fail();
        return { serverId: 'c1' };
      },
    };
    const { calls } = await withBackend(steps, async (rig, client) => {
      await expect(create(client, rig)).rejects.toThrow(/nas|exportfs/);
      const id = await create(client, rig);
      expect((await client.getInstance(commonInstanceId(rig.backend))).shares).toEqual([id]);
    });
    expect(calls.filter((name) => name === 'deleteServer' || name === 'deleteServerPort')).toEqual(
      [],
    );
  },
);

test('a worker that starts says that the server is ready, or what is missing', async () => {
  let there = false;
  await withBackend(
    { findCommonServer: async () => (there ? { serverId: 'c1' } : noServer()) },
    async (rig, client) => {
      expect(await startWorker(rig)).toEqual([
        expect.stringMatching(/^server not ready .*No server has the name nas/),
      ]);
      there = true;
      const [one, two] = await Promise.all([startWorker(rig), startWorker(rig)]);
      expect([...(one ?? []), ...(two ?? [])]).toEqual([
        expect.stringMatching(/^server ready .*10\.1\.9\.5/),
        expect.stringMatching(/^server ready .*10\.1\.9\.5/),
      ]);
      const id = await create(client, rig);

      there = false;
      expect(await startWorker(rig)).toEqual([expect.stringMatching(/^server not ready/)]);
      const instanceId = commonInstanceId(rig.backend);
      expect(await client.getInstance(instanceId)).toMatchObject({ status: 'error', shares: [id] });
      await expect(create(client, rig)).rejects.toThrow('No server has the name nas');
      there = true;
      await create(client, rig);
      expect(await client.getInstance(instanceId)).toMatchObject({ status: 'active', error: null });
    },
  );
});

test('a worker with another limit of shares makes it count', async () => {
  await withBackend({}, async (rig, client) => {
    await startWorker(rig, 1);
    await create(client, rig);
    await expect(create(client, rig)).rejects.toMatchObject({ type: 'InstanceFull' });
    await startWorker(rig, 2);
    await create(client, rig);
  });
});

test('a name that means another server now does not take the shares away from theirs', async () => {
  let serverId = 'c1';
  await withBackend({ findCommonServer: async () => ({ serverId }) }, async (rig, client) => {
    const id = await create(client, rig);
    serverId = 'c2';
    expect(await startWorker(rig)).toEqual([expect.stringMatching(/not ready.*c1.*c2/)]);
    serverId = 'c1';
    expect(await startWorker(rig)).toEqual([expect.stringMatching(/^server ready/)]);
    await client.deleteShare(id);
    await client.waitUntilDeleted(id);
    serverId = 'c2';
    expect(await startWorker(rig)).toEqual([expect.stringMatching(/^server ready.*c2/)]);
  });
});

test('the server is never deleted, and an instance of a share network is never looked for', async () => {
  const { calls } = await withBackend({}, async (rig, client) => {
    await startWorker(rig);
    await expect(client.deleteInstance(commonInstanceId(rig.backend))).rejects.toThrow(
      /was there before Hawser, and stays/,
    );
    await expect(entityOf(rig).executeUpdate(deleteInstanceUpdate)).rejects.toThrow(
      WorkflowUpdateFailedError,
    );
  });
  expect(calls).not.toContain('deleteServer');

  const rig = await createRig();
  await rig.run(async () => {
    const client = new HawserClient(rig.client);
    const spec = { ...specFor(rig), shareNetwork: 'net' };
    await client.createShare(spec);
    const { serviceInstance } = await client.waitForShare(spec.id);
    const handle = rig.client.workflow.getHandle(serviceInstanceWorkflowId(serviceInstance ?? ''));
    await expect(
      handle.executeUpdate(findServerUpdate, { args: [{ maxShares: 1 }] }),
    ).rejects.toMatchObject({ cause: { type: 'InvalidInput' } });
  });
});
