import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { Drift, Inspection } from '../../activities/inspection.js';
import {
  allowAccessUpdate,
  deleteShareUpdate,
  ensureShareUpdate,
  type EnsureRequest,
} from '../../workflows/messages.js';
import { shareWorkflowId, taskQueue, type ShareView } from '../../workflows/model.js';
import type { share as shareWorkflow } from '../../workflows/share.js';
import {
  beginShare,
  instanceIdOf,
  makeShare,
  refusal,
  until,
  type StoryShare,
} from '../support/share-stories.js';
import { createRig, type Rig, type Steps } from '../support/workflows.js';

const waiting: EnsureRequest = { whenBusy: 'wait', instanceProblem: null };

const ensure = async ({ handle }: Pick<StoryShare, 'handle'>, how = waiting) =>
  handle.executeUpdate(ensureShareUpdate, { args: [how] });

/** A look finds this wrong, and the next one nothing. */
const drifted = (drift: Drift[], mounted: boolean): Pick<Steps, 'inspectShare'> => {
  const looks: Inspection[] = [{ drift, mounted }];
  return { inspectShare: async () => looks.shift() ?? { drift: [], mounted: true } };
};

const unreachable = async () => {
  throw ApplicationFailure.nonRetryable('connect EHOSTUNREACH 10.254.0.5:22', 'HostUnreachable');
};

test('a share in service is looked at once, and nothing is done to it', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const share = await makeShare(rig);
    expect(await ensure(share)).toEqual({ repaired: [] });
    expect(await share.view()).toMatchObject({ status: 'available', error: null });
  });
  expect(rig.calls).toEqual(['inspectShare']);
});

test.each([
  [['exports'], true, ['applyNfsExports'], ['exports written again']],
  [['fstab'], true, ['mountShare'], ['fstab line written again']],
  [['mount'], false, ['mountShare', 'applyNfsExports'], ['mounted again', 'exports written again']],
  [
    ['service', 'exports'],
    true,
    ['startFileService', 'applyNfsExports'],
    ['the NFS server started again', 'exports written again'],
  ],
  [
    ['mount'],
    true,
    ['unexportAndUnmount', 'mountShare', 'applyNfsExports'],
    [
      'a file system that was gone or read-only unmounted',
      'mounted again',
      'exports written again',
    ],
  ],
  [
    ['device', 'mount'],
    true,
    ['requireVolume', 'unexportAndUnmount', 'attachVolume', 'mountShare', 'applyNfsExports'],
    [
      'a file system that was gone or read-only unmounted',
      'volume vol1 attached again',
      'mounted again',
      'exports written again',
    ],
  ],
] as [Drift[], boolean, string[], string[]][])(
  'of what is wrong with %j (mounted: %s) only that is repaired, and it is looked at again',
  async (drift, mounted, steps, repaired) => {
    const rig = await createRig(drifted(drift, mounted));
    await rig.run(async () => {
      const share = await makeShare(rig);
      expect(await ensure(share)).toEqual({ repaired });
      expect((await share.view()).status).toBe('available');
    });
    expect(rig.calls).toEqual(['inspectShare', ...steps, 'inspectShare']);
  },
);

test('a CIFS share is closed, mounted and opened as such', async () => {
  const rig = await createRig(drifted(['device', 'mount'], true));
  await rig.run(async () => ensure(await makeShare(rig, { protocol: 'CIFS' })));
  expect(rig.calls.slice(1, -1)).toEqual([
    'requireVolume',
    'unexportAndUnmount',
    'attachVolume',
    'mountShare',
    'applyCifsShare',
  ]);
});

test.each([
  'requireVolume',
  'unexportAndUnmount',
  'attachVolume',
  'mountShare',
  'applyNfsExports',
] as const)(
  'a share that could not be repaired at %s says so, and a later call brings it back',
  async (step) => {
    let broken = true;
    let made = false;
    const rig = await createRig({
      inspectShare: async () => ({
        drift: broken ? (['device', 'mount'] as const).slice() : [],
        mounted: true,
      }),
      [step]: async () => {
        if (made && broken) throw ApplicationFailure.nonRetryable(`no ${step}`, 'VolumeFailed');
        return step === 'mountShare'
          ? { volumeId: 'vol1', path: '/shares/x', exportName: 'x', fileSystem: 'ext4' }
          : [{ path: '10.254.0.5:/shares/x', adminOnly: false }];
      },
    });
    await rig.run(async () => {
      const share = await makeShare(rig);
      made = true;
      const failure = await refusal(ensure(share));
      expect(failure).toMatchObject({ type: 'VolumeFailed', message: `no ${step}` });
      expect(await share.view()).toMatchObject({
        status: 'error',
        error: { type: 'VolumeFailed', message: `no ${step}` },
      });
      const allowed = share.handle.executeUpdate(allowAccessUpdate, {
        args: [{ id: 'r', to: '10.0.0.1', level: 'rw' }],
      });
      expect((await refusal(allowed)).type).toBe('ShareNotAvailable');
      broken = false;
      expect(await ensure(share)).toEqual({ repaired: [] });
      expect(await share.view()).toMatchObject({ status: 'available', error: null });
    });
  },
);

test('a share is not called healthy when its repair changed nothing', async () => {
  const rig = await createRig({
    inspectShare: async () => ({ drift: ['exports'], mounted: true }),
  });
  await rig.run(async () => {
    const share = await makeShare(rig);
    const failure = await refusal(ensure(share));
    expect(failure.message).toContain('still wrong are exports');
    expect((await share.view()).status).toBe('error');
  });
});

test('a server that is gone is named, and one that is silent as well', async () => {
  let gone = true;
  const rig = await createRig({
    inspectShare: unreachable,
    requireServer: async () => {
      if (gone) throw ApplicationFailure.nonRetryable('Server v1 is gone', 'ServerFailed');
    },
  });
  await rig.run(async () => {
    const share = await makeShare(rig);
    expect(await refusal(ensure(share))).toMatchObject({ type: 'ServerFailed' });
    expect((await share.view()).error?.message).toBe('Server v1 is gone');
    gone = false;
    const silent = await refusal(ensure(share));
    expect(silent.type).toBe('HostUnreachable');
    expect(silent.message).toMatch(
      /ACTIVE.*10\.254\.0\.5.*EHOSTUNREACH.*instance reboot .* --hard/,
    );
  });
  expect(rig.calls).not.toContain('attachVolume');
});

test('an instance that does not let us in is not looked at again, and one that was busy is', async () => {
  let slow = true;
  let silent = true;
  const rig = await createRig({
    inspectShare: async () => {
      if (slow) {
        slow = false;
        throw ApplicationFailure.create({ type: 'HostUnreachable', message: 'cut off' });
      }
      return { drift: [], mounted: true };
    },
    logIn: async () => {
      if (silent) throw ApplicationFailure.nonRetryable('no login within 15 s', 'HostUnreachable');
    },
  });
  await rig.run(async () => {
    const share = await makeShare(rig);
    expect((await refusal(ensure(share))).message).toContain('no login within 15 s');
    expect(rig.calls).toEqual(['inspectShare', 'requireServer', 'logIn']);
    slow = true;
    silent = false;
    expect(await ensure(share)).toEqual({ repaired: [] });
  });
});

test('rules are read back and written as the share has them, without those on their way out', async () => {
  const looked: string[][] = [];
  let denialWorks = true;
  let drift: Drift[] = [];
  const rig = await createRig({
    inspectShare: async ({ rules }) => {
      looked.push(rules.map(({ to, level }) => `${to} ${level}`));
      const seen = drift;
      drift = [];
      return { drift: seen, mounted: true };
    },
    applyNfsExports: async () => {
      if (!denialWorks) throw ApplicationFailure.nonRetryable('disk full', 'CommandFailed');
      return [{ path: '10.254.0.5:/shares/x', adminOnly: false }];
    },
  });
  await rig.run(async () => {
    const share = await makeShare(rig);
    const allow = async (to: string) =>
      share.handle.executeUpdate(allowAccessUpdate, { args: [{ id: to, to, level: 'ro' }] });
    await allow('10.0.0.1');
    await allow('10.0.0.10');
    denialWorks = false;
    await refusal(share.handle.executeUpdate('denyAccess', { args: [{ rule: '10.0.0.1' }] }));
    denialWorks = true;
    drift = ['exports'];
    await ensure(share);
    const { accessRules } = await share.view();
    expect(accessRules.map(({ to, state }) => `${to} ${state}`)).toEqual(['10.0.0.10 active']);
  });
  expect(looked).toEqual([['10.0.0.10 ro'], ['10.0.0.10 ro']]);
});

test('a share whose instance is known to be dead is out of service at once, with that reason', async () => {
  const rig = await createRig();
  await rig.run(async () => {
    const share = await makeShare(rig);
    const instanceProblem = { type: 'ServerFailed', message: 'Server v1 is SHUTOFF' };
    await refusal(ensure(share, { whenBusy: 'refuse', instanceProblem }));
    expect(await share.view()).toMatchObject({ status: 'error', error: instanceProblem });
    await ensure(share);
    expect(await share.view()).toMatchObject({ status: 'available', error: null });
  });
  expect(rig.calls).toEqual(['inspectShare']);
});

test('a share that is being made, deleted or was never whole has nothing to ensure', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const rig = await createRig({
    formatAndMount: async () => {
      await gate;
      throw ApplicationFailure.nonRetryable('not blank', 'DeviceNotBlank');
    },
  });
  await rig.run(async () => {
    const share = await beginShare(rig);
    await until(() => rig.calls.includes('formatAndMount'));
    expect((await refusal(ensure(share))).type).toBe('ShareBusy');
    open();
    await until(async () => (await share.view()).status === 'error');
    expect((await refusal(ensure(share))).type).toBe('ShareNotAvailable');
  });
  expect(rig.calls).not.toContain('inspectShare');
});

test('a share at work is left to it by those who will not wait, and ensured in its turn for those who will', async () => {
  let open = () => {};
  let gate: Promise<void> | undefined;
  const rig = await createRig({
    applyNfsExports: async () => {
      await gate;
      return [{ path: '10.254.0.5:/shares/x', adminOnly: false }];
    },
  });
  await rig.run(async () => {
    const share = await makeShare(rig);
    gate = new Promise((resolve) => (open = resolve));
    const allowed = share.handle.executeUpdate(allowAccessUpdate, {
      args: [{ id: 'r', to: '10.0.0.1', level: 'rw' }],
    });
    await until(() => rig.calls.includes('applyNfsExports'));
    const busy = await refusal(ensure(share, { whenBusy: 'refuse', instanceProblem: null }));
    expect(busy).toMatchObject({ type: 'ShareBusy' });
    expect(busy.message).toContain('updateAccess is under way');
    const late = refusal(ensure(share));
    const deleted = share.handle.executeUpdate(deleteShareUpdate);
    open();
    await allowed;
    await deleted;
    // The deletion was accepted while it waited, and what is to go is not brought back.
    expect((await late).type).toBe('ShareBusy');
    await share.handle.result();
  });
  expect(rig.calls).not.toContain('inspectShare');
});

test.each(['extending_error', 'shrinking_error'] as const)(
  'a share left in %s keeps that word until it is in service again',
  async (status) => {
    let drift: Drift[] = ['exports'];
    const rig = await createRig({ inspectShare: async () => ({ drift, mounted: true }) });
    await rig.run(async () => {
      const share = await shareInState(rig, { status });
      await refusal(ensure(share));
      expect(await share.view()).toMatchObject({ status, error: { type: 'CommandFailed' } });
      drift = [];
      await ensure(share);
      expect(await share.view()).toMatchObject({ status: 'available', error: null });
    });
  },
);

test('what a refused operation said of a share in service stays to be read', async () => {
  const said = {
    status: 'shrinking_possible_data_loss_error',
    error: { type: 'ShrinkingPossibleDataLoss', message: '2 GiB are used' },
  } as const;
  const rig = await createRig();
  await rig.run(async () => {
    const share = await shareInState(rig, said);
    expect(await ensure(share)).toEqual({ repaired: [] });
    expect(await share.view()).toMatchObject(said);
  });
});

/** A share as another one's state says, with changes: as if an operation had left it so. */
async function shareInState(
  rig: Rig,
  changes: Partial<ShareView>,
): Promise<Pick<StoryShare, 'id' | 'handle' | 'view'>> {
  const model = await makeShare(rig);
  const request = { ...(await model.view()), id: randomUUID() };
  const view: ShareView = { ...request, ...changes };
  const host = { backend: rig.backend, instanceId: instanceIdOf(rig), serverId: 'v1' };
  const instance = { ...host, address: '10.254.0.5', hostKey: 'k', exportAddress: '10.254.0.5' };
  const state = { view, instance, location: null, exists: true, operations: 7 };
  const handle = await rig.client.workflow.start<typeof shareWorkflow>('share', {
    workflowId: shareWorkflowId(view.id),
    taskQueue: taskQueue(rig.backend),
    args: [{ request, state }],
  });
  return {
    id: view.id,
    handle,
    view: async () => (await handle.describe()).memo?.['view'] as ShareView,
  };
}
