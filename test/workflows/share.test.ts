import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import {
  allowAccessUpdate,
  deleteShareUpdate,
  denyAccessUpdate,
  giveUpUpdate,
  retryUpdate,
} from '../../workflows/messages.js';
import {
  serviceInstanceWorkflowId,
  shareWorkflowId,
  type ShareView,
} from '../../workflows/model.js';
import { create, instanceView, refusal, requestFor } from '../support/share-stories.js';
import { createRig, placeOf, untilCancelled, type Rig } from '../support/workflows.js';

const handleOf = (rig: Rig, id: string) => rig.client.workflow.getHandle(shareWorkflowId(id));

async function viewOf(rig: Rig, id: string): Promise<ShareView> {
  const { memo } = await handleOf(rig, id).describe();
  return memo?.['view'] as ShareView;
}

async function until(rig: Rig, id: string, status: string): Promise<ShareView> {
  for (let tries = 0; tries < 200; tries += 1) {
    const view = await viewOf(rig, id).catch(() => undefined);
    if (view?.status === status && !view.operation) return view;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`share ${id} never became ${status}: ${JSON.stringify(await viewOf(rig, id))}`);
}

test('a share is made, opened, closed and deleted, and its instance keeps no place for it', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const request = requestFor(rig);
    expect((await create(rig, request)).status).toBe('creating');
    const view = await until(rig, request.id, 'available');
    expect(view.exportLocations).toEqual([{ path: '10.254.0.5:/shares/x', adminOnly: false }]);
    expect(view.serviceInstance).toBe(`${rig.backend}-s1-0`);
    expect((await instanceView(rig)).shares).toEqual([request.id]);

    const handle = handleOf(rig, request.id);
    const rule = await handle.executeUpdate(allowAccessUpdate, {
      args: [{ id: 'r1', to: '10.0.0.5/32', level: 'rw' }],
    });
    expect(rule).toEqual({ id: 'r1', type: 'ip', to: '10.0.0.5', level: 'rw', state: 'active' });
    await handle.executeUpdate(denyAccessUpdate, { args: [{ rule: '10.0.0.5' }] });
    expect((await viewOf(rig, request.id)).accessRules).toEqual([]);

    await handle.executeUpdate(deleteShareUpdate);
    expect((await handle.result()) as ShareView).toMatchObject({ status: 'deleted' });
    expect((await instanceView(rig)).shares).toEqual([]);
  });
  expect(rig.calls.filter((name) => name === 'ensureServer')).toHaveLength(1);
});

test('repeating a create returns the same share, and one with other parameters is refused', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    const first = await until(rig, request.id, 'available');
    expect(await create(rig, request)).toEqual(first);
    const failure = await refusal(create(rig, { ...request, sizeGib: 2 }));
    expect(failure.type).toBe('ShareExists');
    expect(failure.message).toContain('sizeGib');
  });
  expect(rig.calls.filter((name) => name === 'ensureVolume')).toHaveLength(1);
});

const undoOfAttach = ['removeCifsShare', 'detachVolume', 'deleteVolume'];

test.each([
  ['resolveShareNetwork', []],
  ['ensureVolume', ['deleteVolume']],
  ['attachVolume', undoOfAttach],
  ['applyCifsShare', undoOfAttach],
  ['formatAndMount', ['removeCifsShare', 'unmountShare', 'detachVolume', 'deleteVolume']],
] as const)('a create that fails at %s undoes what was done, last first', async (step, undone) => {
  const rig = await createRig({
    [step]: async () => {
      throw ApplicationFailure.nonRetryable(`${step} broke`, 'VolumeFailed');
    },
  });
  await rig.run(async () => {
    const request = requestFor(rig, { protocol: 'CIFS' });
    await create(rig, request);
    const view = await until(rig, request.id, 'error');
    expect(view.error).toEqual({ type: 'VolumeFailed', message: `${step} broke` });
    expect(view.serviceInstance).toBeNull();
    if (step !== 'resolveShareNetwork') expect((await instanceView(rig)).shares).toEqual([]);
  });
  const undos = ['removeCifsShare', 'unmountShare', 'detachVolume', 'deleteVolume'];
  expect(rig.calls.filter((name) => undos.includes(name))).toEqual(undone);
});

test('an undo that fails is reported with what was left, and the others still run', async () => {
  const rig = await createRig({
    formatAndMount: async () => {
      throw ApplicationFailure.nonRetryable('not blank', 'DeviceNotBlank');
    },
    detachVolume: async () => {
      throw ApplicationFailure.nonRetryable('stuck in detaching', 'VolumeFailed');
    },
  });
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    const { error } = await until(rig, request.id, 'error');
    expect(error?.type).toBe('UndoIncomplete');
    expect(error?.message).toContain('not blank');
    expect(error?.message).toContain('stuck in detaching');
  });
  expect(rig.calls).toContain('deleteVolume');
});

test('access rules are refused when malformed, doubled, unknown or too early', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const rig = await createRig({
    formatAndMount: async ({ shareId, volumeId }) => {
      await gate;
      return { ...placeOf(shareId), volumeId };
    },
  });
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    const handle = handleOf(rig, request.id);
    const allow = (to: string, id: string = randomUUID()) =>
      handle.executeUpdate(allowAccessUpdate, { args: [{ id, to, level: 'rw' }] });
    expect((await refusal(allow('10.0.0.1'))).type).toBe('ShareNotAvailable');
    expect((await refusal(handle.executeUpdate(deleteShareUpdate))).type).toBe('ShareBusy');
    open();
    await until(rig, request.id, 'available');
    expect((await refusal(allow('10.0.0.300'))).type).toBe('InvalidInput');
    await allow('10.0.0.1', 'one');
    expect((await refusal(allow('10.0.0.1', 'two'))).type).toBe('RuleExists');
    expect(await allow('10.0.0.1', 'one')).toMatchObject({ id: 'one', state: 'active' });
    const unknown = handle.executeUpdate(denyAccessUpdate, { args: [{ rule: '10.0.0.2' }] });
    expect((await refusal(unknown)).type).toBe('RuleNotFound');
  });
});

test('two rules asked for at once are written one after the other, and both stay', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    await until(rig, request.id, 'available');
    const handle = handleOf(rig, request.id);
    await Promise.all(
      ['10.0.0.1', '10.0.0.10'].map((to) =>
        handle.executeUpdate(allowAccessUpdate, { args: [{ id: to, to, level: 'ro' }] }),
      ),
    );
    const { accessRules } = await until(rig, request.id, 'available');
    expect(accessRules.map(({ to, state }) => `${to} ${state}`).sort()).toEqual([
      '10.0.0.1 active',
      '10.0.0.10 active',
    ]);
  });
});

test('a rule that is asked for again while it is being denied is there in the end', async () => {
  let open = () => {};
  let gate: Promise<void> | undefined;
  const rig = await createRig({
    applyNfsExports: async () => {
      await gate;
      return [];
    },
  });
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    await until(rig, request.id, 'available');
    const handle = handleOf(rig, request.id);
    const allow = async () =>
      handle.executeUpdate(allowAccessUpdate, { args: [{ id: 'r', to: '10.0.0.1', level: 'rw' }] });
    await allow();
    gate = new Promise((resolve) => (open = resolve));
    const denied = handle.executeUpdate(denyAccessUpdate, { args: [{ rule: 'r' }] });
    const writes = () => rig.calls.filter((name) => name === 'applyNfsExports').length;
    while (writes() < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    const again = allow();
    open();
    await denied;
    expect(await again).toMatchObject({ id: 'r', state: 'active' });
    const { accessRules } = await until(rig, request.id, 'available');
    expect(accessRules).toEqual([
      { id: 'r', type: 'ip', to: '10.0.0.1', level: 'rw', state: 'active' },
    ]);
  });
});

test('a denial that failed stays visible, and the next write leaves the rule out', async () => {
  let broken = false;
  const written: string[][] = [];
  const rig = await createRig({
    applyNfsExports: async ({ rules }) => {
      if (broken) throw ApplicationFailure.nonRetryable('disk full', 'CommandFailed');
      written.push(rules.map(({ to }) => to));
      return [];
    },
  });
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    await until(rig, request.id, 'available');
    const handle = handleOf(rig, request.id);
    const allow = async (to: string) =>
      handle.executeUpdate(allowAccessUpdate, { args: [{ id: to, to, level: 'ro' }] });
    await allow('10.0.0.1');
    broken = true;
    const denial = handle.executeUpdate(denyAccessUpdate, { args: [{ rule: '10.0.0.1' }] });
    expect((await refusal(denial)).message).toContain('disk full');
    expect((await until(rig, request.id, 'available')).accessRules[0]).toMatchObject({
      state: 'error',
      denialFailed: true,
    });
    broken = false;
    await allow('10.0.0.2');
    expect((await until(rig, request.id, 'available')).accessRules).toHaveLength(1);
  });
  expect(written.at(-1)).toEqual(['10.0.0.2']);
});

test.each([
  ['at its next try', false],
  ['when it is deleted', true],
])('a share whose create was ended from outside is cleaned up %s', async (_when, deleted) => {
  const rig = await createRig({ formatAndMount: untilCancelled });
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    while (!rig.calls.includes('formatAndMount')) await new Promise((r) => setTimeout(r, 50));
    await rig.client.workflow.getHandle(`createShare-${request.id}-1`).terminate();
    const view = await until(rig, request.id, 'error');
    expect(view).toMatchObject({
      serviceInstance: `${rig.backend}-s1-0`,
      error: { type: 'UndoIncomplete', message: expect.stringContaining('was not undone') },
      retry: { operation: 'deleteShare', attempts: 1 },
    });
    const handle = handleOf(rig, request.id);
    if (deleted) {
      await handle.executeUpdate(deleteShareUpdate);
      await handle.result();
    } else {
      await handle.executeUpdate(retryUpdate, { args: [{}] });
      const clean = await viewOf(rig, request.id);
      expect(clean).toMatchObject({ status: 'error', serviceInstance: null });
      expect(clean.error?.message).toContain('What was left then is removed now');
      expect(clean.retry).toBeUndefined();
    }
    expect((await instanceView(rig)).shares).toEqual([]);
  });
  expect(rig.calls.slice(-4)).toEqual([
    'findOtherMount',
    'unexportAndUnmount',
    'detachVolume',
    'deleteVolume',
  ]);
});

test.each([
  ['deleted', false],
  ['given up', true],
])(
  'a share whose create was ended before it knew its instance leaves no place taken when it is %s',
  async (_how, broken) => {
    let ready = () => {};
    const rig = await createRig({
      waitForServer: () => new Promise((resolve) => (ready = resolve)),
      deleteVolume: async () => {
        if (broken) throw ApplicationFailure.nonRetryable('no Cinder', 'VolumeFailed');
      },
    });
    await rig.run(async () => {
      const request = requestFor(rig);
      await create(rig, request);
      await expect.poll(async () => (await instanceView(rig)).shares).toEqual([request.id]);
      await rig.client.workflow.getHandle(`createShare-${request.id}-1`).terminate();
      const view = await until(rig, request.id, 'error');
      expect(view).toMatchObject({ serviceInstance: null, retry: { operation: 'deleteShare' } });
      const handle = handleOf(rig, request.id);
      await handle.executeUpdate(deleteShareUpdate);
      if (broken) {
        await until(rig, request.id, 'error_deleting');
        await handle.executeUpdate(giveUpUpdate, { args: [{}] });
      }
      await handle.result();
      await expect.poll(async () => (await instanceView(rig)).shares).toEqual([]);
      while (!rig.calls.includes('waitForServer')) await new Promise((r) => setTimeout(r, 50));
      ready();
      await expect.poll(async () => (await instanceView(rig)).status).toBe('active');
    });
  },
);

test('a volume is not detached when its file system could not be unmounted', async () => {
  const rig = await createRig({
    formatAndMount: async () => {
      throw ApplicationFailure.nonRetryable('bad superblock', 'CommandFailed');
    },
    unmountShare: async () => {
      throw ApplicationFailure.nonRetryable('busy', 'CommandFailed');
    },
  });
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    expect((await until(rig, request.id, 'error')).error?.message).toContain('busy');
  });
  expect(rig.calls).not.toContain('detachVolume');
});

test('neither a share nor a service instance can be cancelled away', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const request = requestFor(rig);
    await create(rig, request);
    const { serviceInstance } = await until(rig, request.id, 'available');
    const instance = serviceInstanceWorkflowId(serviceInstance ?? '');
    await rig.client.workflow.getHandle(instance).cancel();
    await handleOf(rig, request.id).cancel();
    await handleOf(rig, request.id).executeUpdate(allowAccessUpdate, {
      args: [{ id: 'r', to: '10.0.0.1', level: 'rw' }],
    });
    expect((await instanceView(rig)).shares).toEqual([request.id]);
    const { status } = await rig.client.workflow.getHandle(instance).describe();
    expect(status.name).toBe('RUNNING');
  });
});
