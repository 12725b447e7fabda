import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import {
  createSnapshotUpdate,
  deleteInstanceUpdate,
  deleteShareUpdate,
  deleteSnapshotUpdate,
  giveUpUpdate,
  joinUpdate,
  retryUpdate,
} from '../../workflows/messages.js';
import type { TakenOver } from '../../workflows/give-back.js';
import {
  newShareView,
  serviceInstanceWorkflowId,
  shareWorkflowId,
  taskQueue,
  type ManageRequest,
  type Retry,
  type ServiceInstanceView,
  type ShareView,
} from '../../workflows/model.js';
import type { serviceInstance } from '../../workflows/service-instance.js';
import type { ShareState } from '../../workflows/share-entity.js';
import type { share } from '../../workflows/share.js';
import {
  availableShare,
  beginShare,
  instanceHandle,
  instanceIdOf,
  instanceView,
  refusal,
  requestFor,
  until,
} from '../support/share-stories.js';
import { createRig, type Rig, type Steps } from '../support/workflows.js';

const never = async (): Promise<never> => {
  throw ApplicationFailure.nonRetryable('it is busy', 'VolumeFailed');
};

/** A step that fails until it is let go. */
function stuck() {
  let isStuck = true;
  return {
    step: async () => {
      if (isStuck) await never();
    },
    letGo: () => {
      isStuck = false;
    },
  };
}

/** Three failed, and the next is due in a moment. */
const dueSoon = (operation: string): Retry => ({
  operation,
  reason: 'it was busy',
  since: '2026-01-01T00:00:00.000Z',
  attempts: 3,
  nextTry: new Date(Date.now() + 1000).toISOString(),
});

const minutesTo = ({ nextTry }: Retry): number => (Date.parse(nextTry) - Date.now()) / 60_000;

describe('a share', () => {
  test('that could not be deleted says why and when it is tried again; at once when asked to', async () => {
    const cinder = stuck();
    const rig = await createRig({ deleteVolume: cinder.step });
    await rig.run(async () => {
      const made = await availableShare(rig);
      const { handle } = made;
      await handle.executeUpdate(deleteShareUpdate);
      const { retry, error } = await made.until('error_deleting');
      expect(error).toEqual({ type: 'VolumeFailed', message: 'it is busy' });
      expect(retry).toMatchObject({
        operation: 'deleteShare',
        reason: 'it is busy',
        attempts: 1,
        since: expect.stringMatching(/Z$/),
      });
      expect(minutesTo(retry as Retry)).toBeCloseTo(1, 0);

      expect(await refusal(handle.executeUpdate(retryUpdate, { args: [{}] }))).toMatchObject({
        type: 'VolumeFailed',
        message: 'it is busy',
      });
      const again = (await made.until('error_deleting')).retry as Retry;
      expect(again).toMatchObject({ attempts: 2, since: retry?.since });
      expect(minutesTo(again)).toBeCloseTo(2, 0);

      cinder.letGo();
      await handle.executeUpdate(retryUpdate, { args: [{}] });
      const last = await handle.result();
      expect(last).toMatchObject({ status: 'deleted', error: null });
      expect(last.retry).toBeUndefined();
      expect((await instanceView(rig)).shares).toEqual([]);
    });
  });

  test('is tried again by itself when it is due, after longer and longer pauses, until nothing is left', async () => {
    const cinder = stuck();
    const rig = await createRig({ deleteVolume: cinder.step });
    await rig.run(async () => {
      const { id, view, handle } = await startFailed(rig, 'error_deleting');
      await until(async () => (await view())?.retry?.attempts === 4);
      const failed = await view();
      expect(failed).toMatchObject({
        status: 'error_deleting',
        retry: { reason: 'it is busy', since: '2026-01-01T00:00:00.000Z' },
      });
      expect(minutesTo(failed.retry as Retry)).toBeCloseTo(8, 0);

      cinder.letGo();
      const { id: next, handle: other } = await startFailed(rig, 'error_deleting');
      expect(await other.result()).toMatchObject({ id: next, status: 'deleted' });
      // A request does not wait for the next try.
      await handle.executeUpdate(deleteShareUpdate);
      expect(await handle.result()).toMatchObject({ id, status: 'deleted' });
    });
  });

  test('waits for an instance that does not answer a day at first, and not that long again', async () => {
    const limits: unknown[] = [];
    const rig = await createRig({
      unexportAndUnmount: async () => {
        limits.push(Context.current().info.scheduleToCloseTimeoutMs);
        await never();
      },
    });
    await rig.run(async () => {
      const made = await availableShare(rig);
      await made.handle.executeUpdate(deleteShareUpdate);
      await made.until('error_deleting');
      await refusal(made.handle.executeUpdate(retryUpdate, { args: [{}] }));
      await made.handle.executeUpdate(giveUpUpdate, { args: [{}] });
    });
    const minuteMs = 60_000;
    expect(limits).toEqual([24 * 60 * minuteMs, 15 * minuteMs]);
  });

  test('whose create could not undo all is cleaned up behind it, and keeps its reason', async () => {
    const nova = stuck();
    const rig = await createRig({ formatAndMount: never, detachVolume: nova.step });
    await rig.run(async () => {
      const made = await beginShare(rig);
      const { handle } = made;
      expect(await made.until('error')).toMatchObject({
        error: { type: 'UndoIncomplete' },
        retry: { operation: 'deleteShare', attempts: 1 },
      });
      nova.letGo();
      rig.calls.length = 0;
      await handle.executeUpdate(retryUpdate, { args: [{}] });
      const clean = await made.view();
      expect(clean).toMatchObject({ status: 'error', serviceInstance: null });
      expect(clean.error?.message).toContain('What was left then is removed now');
      expect(clean.retry).toBeUndefined();
      expect(rig.calls).toContain('deleteVolume');
      expect((await instanceView(rig)).shares).toEqual([]);
      const idle = await refusal(handle.executeUpdate(retryUpdate, { args: [{}] }));
      expect(idle.type).toBe('NothingToRetry');
      await handle.executeUpdate(deleteShareUpdate);
      await handle.result();
    });
  });

  test('that is to stay is brought back, or has its rules written, when it is due', async () => {
    const rig = await createRig();
    await rig.run(async () => {
      const host = { backend: rig.backend, instanceId: 'i1', serverId: 'v1', address: '10.0.0.1' };
      const instance = { ...host, hostKey: 'k', exportAddress: '10.0.0.1' };
      const location = {
        volumeId: 'vol1',
        path: '/shares/x',
        exportName: 'x',
        fileSystem: 'ext4' as const,
      };
      const known = { instance, location };
      const out = await startFailed(
        rig,
        'extending_error',
        { retry: dueSoon('ensureShare') },
        known,
      );
      await until(async () => (await out.view()).status === 'available');
      expect((await out.view()).retry).toBeUndefined();
      expect(rig.calls).toEqual(['inspectShare', 'measureShare']);

      rig.calls.length = 0;
      const rule = { type: 'ip', level: 'rw' } as const;
      const denied = {
        ...rule,
        id: 'r',
        to: '10.0.0.9',
        state: 'error',
        denialFailed: true,
      } as const;
      const open = await startFailed(
        rig,
        'available',
        { error: null, retry: dueSoon('updateAccess'), accessRules: [denied] },
        known,
      );
      await until(async () => !(await open.view()).retry);
      expect(await open.view()).toMatchObject({ status: 'available', accessRules: [] });
      expect(rig.calls).toEqual(['applyNfsExports']);
    });
  });

  test.each(['NFS', 'CIFS'] as const)(
    'by %s that found somebody else in its place takes neither exports nor mount off him',
    async (protocol) => {
      const nova = stuck();
      const asked: unknown[] = [];
      const rig = await createRig({
        formatAndMount: never,
        detachVolume: nova.step,
        findOtherMount: async ({ volumeId }) => {
          asked.push(volumeId);
          return '/dev/vdz';
        },
      });
      await rig.run(async () => {
        const made = await beginShare(rig, { protocol });
        expect(await made.until('error')).toMatchObject({ error: { type: 'UndoIncomplete' } });
        nova.letGo();
        rig.calls.length = 0;
        await made.handle.executeUpdate(retryUpdate, { args: [{}] });
        expect(asked).toEqual(['vol1']);
        expect(rig.calls).toEqual([
          'serverExists',
          'findVolume',
          'findOtherMount',
          'detachVolume',
          'deleteVolume',
        ]);
      });
    },
  );

  test('whose making did not say where it is is unmounted from its own volume only', async () => {
    const nova = stuck();
    const unmounted: unknown[] = [];
    const rig = await createRig({
      formatAndMount: never,
      detachVolume: nova.step,
      unexportAndUnmount: async ({ volumeId }) => {
        unmounted.push(volumeId);
      },
    });
    await rig.run(async () => {
      const made = await beginShare(rig);
      await made.until('error');
      nova.letGo();
      unmounted.length = 0;
      await made.handle.executeUpdate(deleteShareUpdate);
      expect(await made.handle.result()).toMatchObject({ status: 'deleted' });
      expect(unmounted).toEqual(['vol1']);
    });
  });

  test('that could not be taken over, or not be let go of, is put right when it is due', async () => {
    const rig = await createRig();
    await rig.run(async () => {
      const host = {
        backend: rig.backend,
        instanceId: 'i1',
        serverId: 'v1',
        address: '10.0.0.1',
        hostKey: 'k',
      };
      const managed: ManageRequest = {
        id: '',
        name: '',
        protocol: 'NFS',
        backend: rig.backend,
        exportLocation: '10.0.0.1:/srv/old',
        volumeId: null,
        serviceInstance: 'i1',
      };
      const volume = { volumeId: 'vol1', name: 'old', sizeGib: 1, metadata: {} };
      const existing = { path: '/srv/old' } as TakenOver['existing'];
      const retry = dueSoon('unmanage');
      const half = await startFailed(
        rig,
        'manage_error',
        { retry },
        { managed, exists: false, leftover: { host, existing, volume } },
      );
      await until(async () => !(await half.view()).retry);
      expect(rig.calls).toEqual(['serverExists', 'giveBackShare', 'restoreVolume']);
      expect(await half.view()).toMatchObject({
        status: 'manage_error',
        error: { type: 'Undone' },
      });

      rig.calls.length = 0;
      const instance = { ...host, exportAddress: '10.0.0.1' };
      const held = await startFailed(rig, 'unmanage_error', { retry }, { instance });
      expect(await held.handle.result()).toMatchObject({ status: 'unmanaged' });
      expect(rig.calls).toEqual(['releaseShare', 'releaseVolume']);
    });
  });

  test('that was given up is forgotten, with its place, and says why', async () => {
    const rig = await createRig({ deleteVolume: never });
    await rig.run(async () => {
      const made = await availableShare(rig);
      const { handle } = made;
      const early = await refusal(handle.executeUpdate(giveUpUpdate, { args: [{}] }));
      expect(early.type).toBe('NothingToRetry');
      await handle.executeUpdate(deleteShareUpdate);
      await made.until('error_deleting');
      await handle.executeUpdate(giveUpUpdate, { args: [{}] });
      expect(await handle.result()).toMatchObject({
        status: 'error_deleting',
        error: { type: 'GivenUp', message: expect.stringContaining('1 failed tries: it is busy') },
      });
      expect((await instanceView(rig)).shares).toEqual([]);
    });
  });
});

/** A share as one that continued as new after it had failed three times. */
async function startFailed(
  rig: Rig,
  status: ShareView['status'],
  more: Partial<ShareView> = {},
  known: Partial<ShareState> = {},
) {
  const request = requestFor(rig);
  const view: ShareView = {
    ...newShareView(request, new Date().toISOString()),
    status,
    error: { type: 'VolumeFailed', message: 'it was busy' },
    ...(status === 'error_deleting' && { retry: dueSoon('deleteShare') }),
    ...more,
  };
  const state = { view, instance: null, location: null, exists: true, operations: 3, ...known };
  const handle = await rig.client.workflow.start<typeof share>('share', {
    workflowId: shareWorkflowId(request.id),
    taskQueue: taskQueue(rig.backend),
    args: [{ request, state }],
    memo: { view },
  });
  const look = async () => (await handle.describe()).memo?.['view'] as ShareView;
  return { id: request.id, handle: rig.client.workflow.getHandle(handle.workflowId), view: look };
}

describe('a snapshot', () => {
  const takeAndDelete = async (rig: Rig) => {
    const made = await availableShare(rig);
    await made.handle.executeUpdate(createSnapshotUpdate, { args: [{ id: 'snap', name: '' }] });
    const deleted = made.handle.executeUpdate(deleteSnapshotUpdate, {
      args: [{ snapshotId: 'snap' }],
    });
    expect((await refusal(deleted)).message).toBe('it is busy');
    return made;
  };
  const busy = (): Steps & { letGo: () => void } => {
    let taken = false;
    let isBusy = true;
    return {
      ensureVolumeSnapshot: async () => {
        taken = true;
        return { volumeSnapshotId: 'c1' };
      },
      deleteVolumeSnapshot: async () => {
        if (taken && isBusy) await never();
      },
      letGo: () => {
        isBusy = false;
      },
    };
  };

  test('that could not be deleted is tried again when asked to, and its share is in service meanwhile', async () => {
    const { letGo, ...steps } = busy();
    const rig = await createRig(steps);
    await rig.run(async () => {
      const made = await takeAndDelete(rig);
      const { handle } = made;
      expect(await made.view()).toMatchObject({
        status: 'available',
        snapshots: [
          { status: 'error_deleting', retry: { operation: 'deleteSnapshot', attempts: 1 } },
        ],
      });
      const other = await refusal(handle.executeUpdate(retryUpdate, { args: [{}] }));
      expect(other.type).toBe('NothingToRetry');
      const retried = () => handle.executeUpdate(retryUpdate, { args: [{ snapshotId: 'snap' }] });
      expect((await refusal(retried())).message).toBe('it is busy');
      expect((await made.view()).snapshots).toMatchObject([{ retry: { attempts: 2 } }]);
      letGo();
      await retried();
      expect((await made.view()).snapshots).toEqual([]);
    });
  });

  test('is tried again by itself when it is due', async () => {
    const rig = await createRig();
    await rig.run(async () => {
      const snapshot = {
        id: 'snap',
        name: '',
        status: 'error_deleting' as const,
        sizeGib: 1,
        volumeSnapshotId: 'c1',
        error: null,
        retry: dueSoon('deleteSnapshot'),
        createdAt: '',
      };
      const { view } = await startFailed(rig, 'available', { error: null, snapshots: [snapshot] });
      await until(async () => (await view()).snapshots.length === 0);
      expect(rig.calls).toEqual(['deleteVolumeSnapshot']);
    });
  });

  test('that was given up is forgotten, and its share can be deleted', async () => {
    const { letGo: _, ...steps } = busy();
    const rig = await createRig(steps);
    await rig.run(async () => {
      const made = await takeAndDelete(rig);
      const { handle } = made;
      await handle.executeUpdate(giveUpUpdate, { args: [{ snapshotId: 'snap' }] });
      expect((await made.view()).snapshots).toEqual([]);
      await handle.executeUpdate(deleteShareUpdate);
      await handle.result();
    });
  });
});

describe('a service instance', () => {
  const failedInstance = async (rig: Rig) => {
    const { handle } = await availableShare(rig);
    await handle.executeUpdate(deleteShareUpdate);
    await handle.result();
    await instanceHandle(rig).executeUpdate(deleteInstanceUpdate);
    await until(async () => (await instanceView(rig)).status === 'error');
  };
  const serverStuck = () => {
    const nova = stuck();
    const deleteServer = async () => {
      await nova.step();
      return { hasBootVolume: false };
    };
    return { letGo: nova.letGo, steps: { deleteServer } satisfies Steps };
  };

  test('that could not be deleted says so, and is tried again when asked to', async () => {
    const { letGo, steps } = serverStuck();
    const rig = await createRig(steps);
    await rig.run(async () => {
      await failedInstance(rig);
      const retried = () => instanceHandle(rig).executeUpdate(retryUpdate, { args: [{}] });
      expect((await instanceView(rig)).retry).toMatchObject({
        operation: 'deleteServiceInstance',
        reason: 'it is busy',
        attempts: 1,
      });
      expect((await refusal(retried())).message).toBe('it is busy');
      expect((await instanceView(rig)).retry).toMatchObject({ attempts: 2 });
      letGo();
      await retried();
      await instanceHandle(rig).result();
    });
  });

  /** One as it continued as new after its deletion had failed three times. */
  async function startInstance(rig: Rig, more: Partial<ServiceInstanceView> = {}) {
    const instanceId = `${rig.backend}-${randomUUID()}-0`;
    const shareNetwork = { id: 's9', networkId: 'n', subnetId: 's9', routerId: 'r' };
    const view: ServiceInstanceView = {
      id: instanceId,
      backend: rig.backend,
      shareNetwork,
      status: 'error',
      serverId: 'v1',
      address: '10.0.0.1',
      shares: [],
      maxShares: 26,
      error: { type: 'ServerFailed', message: 'it was busy' },
      retry: dueSoon('deleteServiceInstance'),
      operation: null,
      createdAt: new Date().toISOString(),
      ...more,
    };
    const host = { serverId: 'v1', address: '10.0.0.1', hostKey: 'k', exportAddress: '10.0.0.1' };
    const instance = { backend: rig.backend, instanceId, ...host };
    return rig.client.workflow.start<typeof serviceInstance>('serviceInstance', {
      workflowId: serviceInstanceWorkflowId(instanceId),
      taskQueue: taskQueue(rig.backend),
      args: [
        {
          instanceId,
          backend: rig.backend,
          shareNetwork,
          options: { maxShares: 26, unusedCleanupMs: null },
          state: { view, instance, operations: 3 },
        },
      ],
    });
  }

  test('is tried again by itself when it is due', async () => {
    const rig = await createRig();
    await rig.run(async () => {
      const handle = await startInstance(rig);
      await handle.result();
      expect(rig.calls).toContain('deleteServer');
    });
  });

  test('that is in use again is not deleted by a retry, takes nobody else in, and can be given up', async () => {
    const rig = await createRig();
    await rig.run(async () => {
      const handle = await startInstance(rig, { status: 'active', shares: ['s1'] });
      const retried = await refusal(handle.executeUpdate(retryUpdate, { args: [{}] }));
      expect(retried).toMatchObject({
        type: 'InstanceInUse',
        message: expect.stringContaining('s1'),
      });
      const joined = handle.executeUpdate(joinUpdate, { args: [{ shareId: 's2' }] });
      expect(await joined).toEqual({ full: true });
      await handle.executeUpdate(giveUpUpdate, { args: [{}] });
      await handle.result();
      expect(rig.calls).toEqual([]);
    });
  });

  test('that is given up while it is tried again does not say that it is deleted', async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const rig = await createRig({ deleteServer: async () => gate.then(never) });
    await rig.run(async () => {
      const handle = await startInstance(rig);
      await until(() => rig.calls.includes('deleteServer'));
      const asked = { args: [{}] as [object], waitForStage: 'ACCEPTED' as const };
      const retried = await handle.startUpdate(retryUpdate, asked);
      await handle.executeUpdate(giveUpUpdate, { args: [{}] });
      expect((await refusal(retried.result())).type).toBe('GivenUp');
      open();
      await handle.result();
    });
  });

  test('whose set-up could not undo all is tried again, or given up and forgotten', async () => {
    const { steps } = serverStuck();
    const rig = await createRig({ ...steps, waitForSsh: never });
    await rig.run(async () => {
      const made = await beginShare(rig);
      await made.until('error');
      const handle = instanceHandle(rig);
      expect(await instanceView(rig)).toMatchObject({
        error: { type: 'UndoIncomplete' },
        retry: { attempts: 1 },
      });
      await handle.executeUpdate(giveUpUpdate, { args: [{}] });
      await handle.result();
      expect(await instanceView(rig)).toMatchObject({
        id: instanceIdOf(rig),
        status: 'error',
        error: { type: 'GivenUp' },
      });
    });
  });
});
