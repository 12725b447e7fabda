import { randomUUID } from 'node:crypto';
import { ApplicationFailure, rootCause } from '@temporalio/common';
import { WorkflowFailedError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { checkImageUpdate, deleteInstanceUpdate } from '../../workflows/messages.js';
import {
  serviceInstanceId,
  serviceInstanceWorkflowId,
  taskQueue,
  type ShareRequest,
} from '../../workflows/model.js';
import type { createShare } from '../../workflows/create-share.js';
import { createRig, untilCancelled, type Rig, type Steps } from '../support/workflows.js';

/** The operation alone, without the share's own workflow: its failure arrives here. */
function runCreate(rig: Rig, sizeGib = 1) {
  const request: ShareRequest = {
    id: randomUUID(),
    name: 'x',
    protocol: 'NFS',
    sizeGib,
    shareNetwork: 'net',
    backend: rig.backend,
  };
  return rig.client.workflow.execute<typeof createShare>('createShare', {
    workflowId: `createShare-${request.id}`,
    taskQueue: taskQueue(rig.backend),
    args: [request],
  });
}

const plan = { imageId: 'i1', flavorId: '100', adminNetwork: false, bootFromVolume: false };

const instanceHandle = (rig: Rig, ordinal = 0) =>
  rig.client.workflow.getHandle(
    serviceInstanceWorkflowId(serviceInstanceId(rig.backend, 's1', ordinal)),
  );

test('shares that come at once wait for one instance, and the next one takes over when it is full', async () => {
  const rig = await createRig({}, { max_shares_per_share_server: 2 });
  await rig.run(async () => {
    const made = await Promise.all([runCreate(rig), runCreate(rig), runCreate(rig)]);
    const ids = made.map(({ instance }) => instance.instanceId).sort();
    expect(ids).toEqual([`${rig.backend}-s1-0`, `${rig.backend}-s1-0`, `${rig.backend}-s1-1`]);
  });
  expect(rig.calls.filter((name) => name === 'ensureServer')).toHaveLength(2);
});

test('an instance continues as new before its history is long, and keeps its shares and its server', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const { instance } = await runCreate(rig);
    const runs = async () => (await instanceHandle(rig).describe()).runId;
    const first = await runs();
    for (let asked = 0; (await runs()) === first; asked += 1) {
      if (asked > 100) throw new Error('it went on for more than 100 requests');
      await instanceHandle(rig).executeUpdate(checkImageUpdate);
    }
    expect(await sharesOn(rig)).toHaveLength(1);
    expect((await runCreate(rig)).instance).toEqual(instance);
    expect(await sharesOn(rig)).toHaveLength(2);
    expect((await instanceHandle(rig).describe()).historyLength).toBeLessThan(100);
  });
  expect(rig.calls.filter((name) => name === 'ensureServer')).toHaveLength(1);
});

/** More than Temporal's ten updates under way at one workflow. */
const crowd = (rig: Rig) => Array.from({ length: 14 }, () => runCreate(rig));

test('a crowd of shares has its places at once, and is told when the instance is ready', async () => {
  let ready = () => {};
  const rig = await createRig({
    waitForServer: () => new Promise((resolve) => (ready = resolve)),
  });
  await rig.run(async () => {
    const made = Promise.all(crowd(rig));
    await expect.poll(async () => (await sharesOn(rig)).length).toBe(14);
    await expect.poll(() => rig.calls).toContain('waitForServer');
    ready();
    const instances = (await made).map(({ instance }) => instance.instanceId);
    expect(new Set(instances)).toEqual(new Set([`${rig.backend}-s1-0`]));
  });
  expect(rig.calls.filter((name) => name === 'ensureServer')).toHaveLength(1);
});

test('a crowd of shares fails with the instance that it waits for, which is tried once', async () => {
  let fail = () => {};
  const rig = await createRig({
    waitForServer: () =>
      new Promise((_, reject) => {
        fail = () => reject(ApplicationFailure.nonRetryable('no luck', 'ServerFailed'));
      }),
  });
  await rig.run(async () => {
    const made = Promise.allSettled(crowd(rig));
    await expect.poll(async () => (await sharesOn(rig)).length).toBe(14);
    await expect.poll(() => rig.calls).toContain('waitForServer');
    fail();
    const reasons = (await made).map((one) => one.status === 'rejected' && (one.reason as unknown));
    for (const reason of reasons) {
      if (!(reason instanceof WorkflowFailedError))
        throw new Error('a share was made', { cause: reason });
      expect(rootCause(reason.cause)).toBe('no luck');
    }
  });
  expect(rig.calls.filter((name) => name === 'ensureServer')).toHaveLength(1);
});

test('more shares than a worker has slots for steps wait for an instance, which is set up all the same', async () => {
  const rig = await createRig({}, {}, 2);
  await rig.run(async () => {
    const made = await Promise.all(Array.from({ length: 6 }, () => runCreate(rig)));
    expect(new Set(made.map(({ instance }) => instance.instanceId)).size).toBe(1);
  });
});

test('the volume of the first share is made while its instance is being set up', async () => {
  let made = () => {};
  const volume = new Promise<void>((resolve) => (made = resolve));
  const rig = await createRig({
    waitForServer: () => volume,
    ensureVolume: async () => {
      made();
      return { volumeId: 'vol1', volumeSizeGib: 1 };
    },
  });
  await rig.run(async () => {
    expect((await runCreate(rig)).location.volumeId).toBe('vol1');
  });
});

test('an instance takes no more GiB than max_share_server_size, and a share that no instance may take is refused', async () => {
  const rig = await createRig({}, { max_share_server_size: 5 });
  await rig.run(async () => {
    const placeOf = async (sizeGib: number) =>
      (await runCreate(rig, sizeGib)).instance.instanceId.slice(`${rig.backend}-`.length);
    expect(await placeOf(4)).toBe('s1-0');
    expect(await placeOf(2)).toBe('s1-1');
    expect(await placeOf(1)).toBe('s1-0');
    const error = await runCreate(rig, 6).catch((caught: unknown) => caught);
    if (!(error instanceof WorkflowFailedError)) throw error;
    expect(rootCause(error.cause)).toMatch(/6 GiB is larger than .*max_share_server_size 5/);
  });
});

test.each([
  ['resolveImageAndFlavor', []],
  ['ensureServerPort', ['deleteServerPort']],
  ['waitForServer', ['deleteServer', 'deleteServerPort']],
  ['checkImageRequirements', ['deleteServer', 'deleteServerPort']],
] as const)(
  'a set-up that fails at %s undoes its steps and fails the share',
  async (step, undone) => {
    const rig = await createRig({
      [step]: async () => {
        throw ApplicationFailure.nonRetryable('no luck', 'ServerFailed');
      },
    });
    await rig.run(async () => {
      const error = await runCreate(rig).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(WorkflowFailedError);
      await expect(instanceHandle(rig).result()).rejects.toThrow(WorkflowFailedError);
    });
    const undos = [
      'deleteServer',
      'deleteServerPort',
      'releaseServiceNetwork',
      'deleteSecurityGroup',
    ];
    const seen = rig.calls.filter((name) => undos.includes(name));
    expect(seen.slice(0, undone.length)).toEqual(undone);
    const network = ['deleteSecurityGroup', 'releaseServiceNetwork'];
    const rest = step === 'resolveImageAndFlavor' ? [] : network;
    expect(seen.slice(undone.length).sort()).toEqual(rest);
    expect(rig.calls).toContain('deleteVolume');
  },
);

test('after a failed set-up the next share sets the instance up anew', async () => {
  let attempts = 0;
  const rig = await createRig({
    waitForServer: async () => {
      attempts += 1;
      if (attempts === 1) throw ApplicationFailure.nonRetryable('ERROR', 'ServerFailed');
    },
  });
  await rig.run(async () => {
    await expect(runCreate(rig)).rejects.toThrow(WorkflowFailedError);
    const { instance } = await runCreate(rig);
    expect(instance.instanceId).toBe(`${rig.backend}-s1-0`);
  });
});

test('a set-up that could not be undone stays, for a deletion to try again, with its boot volume', async () => {
  let stuck = true;
  const asked: unknown[] = [];
  const rig = await createRig({
    waitForSsh: async () => {
      throw ApplicationFailure.nonRetryable('silent', 'SshUnreachable');
    },
    deleteServer: async () => {
      if (stuck) throw ApplicationFailure.nonRetryable('still deleting', 'ServerFailed');
      return { hasBootVolume: true };
    },
    removeBootVolume: async ({ evenIfKept }) => void asked.push(evenIfKept),
  });
  await rig.run(async () => {
    await expect(runCreate(rig)).rejects.toThrow(WorkflowFailedError);
    const handle = instanceHandle(rig);
    const { memo, status } = await handle.describe();
    expect(status.name).toBe('RUNNING');
    expect(memo?.['view']).toMatchObject({ status: 'error', error: { type: 'UndoIncomplete' } });
    stuck = false;
    await handle.executeUpdate(deleteInstanceUpdate);
    await handle.result();
  });
  expect(asked).toEqual([true]);
});

test('a set-up that is terminated undoes nothing: the instance stays, for its deletion', async () => {
  let arrived: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => (arrived = resolve));
  const rig = await createRig({
    waitForSsh: async () => {
      arrived();
      await untilCancelled();
    },
  });
  await rig.run(async () => {
    const created = runCreate(rig);
    await waiting;
    const { memo = {} } = await instanceHandle(rig).describe();
    const { operation } = memo['view'] as { operation: { workflowId: string } };
    await rig.client.workflow.getHandle(operation.workflowId).terminate('by hand');
    await expect(created).rejects.toThrow(WorkflowFailedError);
    const view = (await instanceHandle(rig).describe()).memo?.['view'];
    expect(view).toMatchObject({
      status: 'error',
      error: {
        type: 'UndoIncomplete',
        message: expect.stringContaining('was not undone') as string,
      },
      retry: { operation: 'deleteServiceInstance' },
    });
    await instanceHandle(rig).executeUpdate(deleteInstanceUpdate);
    await instanceHandle(rig).result();
  });
  expect(rig.calls).toContain('deleteServer');
  expect(rig.calls).toContain('releaseServiceNetwork');
});

test('an instance that stays unused is removed by itself, and a share in between keeps it', async () => {
  const unused = {
    automatic_share_server_cleanup: true,
    unused_share_server_cleanup_interval: 1 / 30,
  };
  const rig = await createRig({}, unused);
  await rig.run(async () => {
    await runCreate(rig);
    const handle = instanceHandle(rig);
    const view = (await handle.describe()).memo?.['view'] as { shares: string[] };
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await handle.executeUpdate('leave', { args: [{ shareId: view.shares[0] }] });
    await handle.result();
  });
  expect(rig.calls).toContain('deleteServer');
});

test('an instance with shares refuses to be deleted, an empty one goes', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const { instance } = await runCreate(rig);
    const handle = instanceHandle(rig);
    await expect(handle.executeUpdate(deleteInstanceUpdate)).rejects.toMatchObject({
      cause: { type: 'InstanceInUse' },
    });
    const view = (await handle.describe()).memo?.['view'] as { shares: string[] };
    await handle.executeUpdate('leave', { args: [{ shareId: view.shares[0] }] });
    await handle.executeUpdate(deleteInstanceUpdate);
    await handle.result();
    expect(instance.serverId).toBe('v1');
  });
  expect(rig.calls.slice(-4)).toEqual([
    'deleteServer',
    'deleteServerPort',
    'releaseServiceNetwork',
    'deleteSecurityGroup',
  ]);
});

test('a cancelled create undoes its steps before it ends', async () => {
  const rig = await createRig({ formatAndMount: untilCancelled });
  await rig.run(async () => {
    const id = randomUUID();
    const handle = await rig.client.workflow.start<typeof createShare>('createShare', {
      workflowId: `createShare-${id}`,
      taskQueue: taskQueue(rig.backend),
      args: [
        { id, name: 'x', protocol: 'NFS', sizeGib: 1, shareNetwork: 'n', backend: rig.backend },
      ],
    });
    while (!rig.calls.includes('formatAndMount')) await new Promise((r) => setTimeout(r, 50));
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
  });
  expect(rig.calls.slice(-2)).toEqual(['detachVolume', 'deleteVolume']);
}, 30_000);

test('an instance in the networks of tenant and operator needs no service network', async () => {
  const rig = await createRig({
    resolveShareNetwork: async () => ({
      id: 's1',
      networkId: 'n1',
      subnetId: 's1',
      routerId: null,
    }),
    resolveImageAndFlavor: async () => ({ ...plan, adminNetwork: true }),
    ensureServerPort: async () => ({
      portIds: ['p1', 'p2'],
      address: '172.30.0.5',
      exportAddress: '10.10.0.5',
      adminAddress: '172.30.0.5',
    }),
    ensureServer: async ({ portIds }) => ({
      serverId: portIds.join(),
      hostKey: 'ssh-ed25519 AAAA',
    }),
    waitForAddresses: async ({ addresses }) => {
      if (addresses.join() !== '10.10.0.5') throw new Error(`asked for ${addresses.join()}`);
    },
  });
  await rig.run(async () => {
    const { instance } = await runCreate(rig);
    expect(instance).toMatchObject({
      serverId: 'p1,p2',
      address: '172.30.0.5',
      exportAddress: '10.10.0.5',
      adminAddress: '172.30.0.5',
    });
  });
  expect(rig.calls).not.toContain('ensureServiceNetwork');
  expect(rig.calls).toContain('waitForAddresses');
});

test('an instance that boots from a volume loses it with a failed set-up, whatever became of it', async () => {
  const asked: unknown[] = [];
  const rig = await createRig({
    resolveImageAndFlavor: async () => ({ ...plan, bootFromVolume: true }),
    ensureServer: async ({ bootVolume }) => ({
      serverId: `from ${bootVolume?.volumeId}`,
      hostKey: 'ssh-ed25519 AAAA',
    }),
    waitForServer: async ({ serverId }) => {
      asked.push(serverId);
      throw ApplicationFailure.nonRetryable('ERROR', 'ServerFailed');
    },
    deleteServer: async () => ({ hasBootVolume: true }),
    removeBootVolume: async ({ evenIfKept }) => void asked.push(evenIfKept),
  });
  await rig.run(async () => {
    await expect(runCreate(rig)).rejects.toThrow(WorkflowFailedError);
  });
  const about = /(Server|ServerPort|BootVolume)$/;
  expect(rig.calls.filter((name) => about.test(name))).toEqual([
    'ensureServerPort',
    'ensureBootVolume',
    'ensureServer',
    'waitForServer',
    'deleteServer',
    'removeBootVolume',
    'deleteServerPort',
  ]);
  expect(asked).toEqual(['from boot1', true]);
});

test('a boot volume goes or stays as it was made to when the instance is deleted', async () => {
  const asked: unknown[] = [];
  const rig = await createRig({
    resolveImageAndFlavor: async () => ({ ...plan, bootFromVolume: true }),
    deleteServer: async () => ({ hasBootVolume: true }),
    removeBootVolume: async ({ evenIfKept }) => void asked.push(evenIfKept),
  });
  await rig.run(async () => {
    await runCreate(rig);
    const handle = instanceHandle(rig);
    const view = (await handle.describe()).memo?.['view'] as { shares: string[] };
    await handle.executeUpdate('leave', { args: [{ shareId: view.shares[0] }] });
    await handle.executeUpdate(deleteInstanceUpdate);
    await handle.result();
  });
  expect(rig.calls.slice(-5)).toEqual([
    'deleteServer',
    'removeBootVolume',
    'deleteServerPort',
    'releaseServiceNetwork',
    'deleteSecurityGroup',
  ]);
  expect(asked).toEqual([false]);
});

/** A cloud in which an instance has a server or none, and a share cannot be exported without. */
function serverThatCounts() {
  const seen = { up: false, boots: 0, deletions: 0, withoutServer: 0 };
  const steps: Steps = {
    ensureServer: async () => {
      seen.up = true;
      seen.boots += 1;
      return { serverId: `v${seen.boots}`, hostKey: 'ssh-ed25519 AAAA' };
    },
    deleteServer: async () => {
      seen.up = false;
      seen.deletions += 1;
      return { hasBootVolume: false };
    },
    applyNfsExports: async () => {
      if (!seen.up) seen.withoutServer += 1;
      return [{ path: '10.254.0.5:/shares/x', adminOnly: false }];
    },
  };
  return { seen, steps };
}

const sharesOn = async (rig: Rig) => {
  const { memo = {} } = await instanceHandle(rig).describe();
  return (memo['view'] as { shares: string[] }).shares;
};

const leave = async (rig: Rig, shareId: string | undefined) =>
  instanceHandle(rig).executeUpdate('leave', { args: [{ shareId }] });

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const withLastShare = { delete_share_server_with_last_share: true };

test('an instance goes at once with its last share where the backend says so, and not before', async () => {
  const { seen, steps } = serverThatCounts();
  const rig = await createRig(steps, withLastShare);
  await rig.run(async () => {
    await Promise.all([runCreate(rig), runCreate(rig)]);
    const [first, second] = await sharesOn(rig);
    await leave(rig, first);
    await leave(rig, first);
    await pause(1000);
    expect(seen).toMatchObject({ up: true, deletions: 0 });
    await leave(rig, second);
    await instanceHandle(rig).result();
  });
  expect(seen).toMatchObject({ up: false, boots: 1, deletions: 1 });
});

test('an instance without shares stays where it shall be kept', async () => {
  const { seen, steps } = serverThatCounts();
  const rig = await createRig(steps, { unused_share_server_cleanup_interval: 1 / 60 });
  await rig.run(async () => {
    await runCreate(rig);
    await leave(rig, (await sharesOn(rig))[0]);
    await pause(3000);
    expect((await instanceHandle(rig).describe()).status.name).toBe('RUNNING');
  });
  expect(seen).toMatchObject({ up: true, deletions: 0 });
});

test('an instance that a share is joining does not go with the last of the others', async () => {
  const { seen, steps } = serverThatCounts();
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const rig = await createRig(
    {
      ...steps,
      attachVolume: async () => {
        if (seen.boots > 0 && rig.calls.filter((name) => name === 'attachVolume').length > 1) {
          await held;
        }
      },
    },
    withLastShare,
  );
  await rig.run(async () => {
    await runCreate(rig);
    const [first] = await sharesOn(rig);
    const joining = runCreate(rig);
    await expect.poll(() => sharesOn(rig)).toHaveLength(2);
    await leave(rig, first);
    await pause(500);
    release();
    await joining;
    expect(await sharesOn(rig)).toHaveLength(1);
  });
  expect(seen).toMatchObject({ up: true, deletions: 0, withoutServer: 0 });
});

test('a share that comes while the instance goes with the last one gets a new instance', async () => {
  const { seen, steps } = serverThatCounts();
  const rig = await createRig(
    {
      ...steps,
      deleteServerPort: () => pause(1000).then(() => undefined),
    },
    withLastShare,
  );
  await rig.run(async () => {
    await runCreate(rig);
    await leave(rig, (await sharesOn(rig))[0]);
    await expect.poll(() => seen.deletions).toBe(1);
    const { instance } = await runCreate(rig);
    expect(instance.serverId).toBe('v2');
  });
  expect(seen).toMatchObject({ up: true, boots: 2, deletions: 1, withoutServer: 0 });
});

test('shares that come as an unused instance is about to go all get one that stays', async () => {
  const { seen, steps } = serverThatCounts();
  const rig = await createRig(steps, {
    automatic_share_server_cleanup: true,
    unused_share_server_cleanup_interval: 1 / 120,
  });
  await rig.run(async () => {
    for (const after of [440, 470, 490, 500, 510, 530]) {
      await runCreate(rig);
      await leave(rig, (await sharesOn(rig))[0]);
      await pause(after);
      await runCreate(rig);
      expect(seen.up, `after ${after} ms`).toBe(true);
      expect(await sharesOn(rig)).toHaveLength(1);
      await leave(rig, (await sharesOn(rig))[0]);
    }
  });
  expect(seen.withoutServer).toBe(0);
}, 120_000);
