import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import {
  deleteInstanceUpdate,
  ensureInstanceUpdate,
  extendShareUpdate,
  leaveSignal,
  rebootInstanceUpdate,
} from '../../workflows/messages.js';
import {
  commonInstanceId,
  serviceInstanceId,
  serviceInstanceWorkflowId,
  type RebootType,
} from '../../workflows/model.js';
import {
  beginShare,
  instanceHandle,
  instanceIdOf,
  instanceView,
  makeShare,
  refusal,
  until,
} from '../support/share-stories.js';
import { createRig, untilCancelled, type Rig } from '../support/workflows.js';

const ensure = async (rig: Rig) => instanceHandle(rig).executeUpdate(ensureInstanceUpdate);
const reboot = async (rig: Rig, type: RebootType = 'SOFT') =>
  instanceHandle(rig).executeUpdate(rebootInstanceUpdate, { args: [{ type }] });

const broken = (type: string, message: string) => async () => {
  throw ApplicationFailure.nonRetryable(message, type);
};

test('an instance that was found dead gets no new share until it is found alive', async () => {
  let dead = false;
  const rig = await createRig({
    requireServer: async () => {
      if (dead) await broken('ServerFailed', 'Server v1 is gone')();
    },
  });
  await rig.run(async () => {
    const placeOf = async () => {
      const share = await makeShare(rig);
      return (await share.view()).serviceInstance;
    };
    const first = await placeOf();
    dead = true;
    expect(await ensure(rig)).toMatchObject({ alive: false });
    const [second, third] = await Promise.all([placeOf(), placeOf()]);
    expect(second).toBe(serviceInstanceId(rig.backend, 's1', 1));
    expect(third).toBe(second);
    // Whoever comes looks again: it may be back without anybody having said so.
    dead = false;
    expect(await placeOf()).toBe(first);
  });
});

test('a server for all that was found dead says so to a new share', async () => {
  const rig = await createRig(
    {
      resolveShareNetwork: async () => null,
      requireServer: broken('ServerFailed', 'Server c1 is SHUTOFF'),
    },
    { driver_handles_share_servers: false },
  );
  await rig.run(async () => {
    await makeShare(rig, { shareNetwork: null });
    const workflowId = serviceInstanceWorkflowId(commonInstanceId(rig.backend));
    await rig.client.workflow.getHandle(workflowId).executeUpdate(ensureInstanceUpdate);
    const share = await beginShare(rig, { shareNetwork: null });
    const { error } = await share.until('error');
    expect(error).toMatchObject({
      type: 'InstanceUnhealthy',
      message: expect.stringContaining('Server c1 is SHUTOFF') as string,
    });
  });
  expect(rig.calls).not.toContain('attachVolume');
});

test('a healthy instance is told to be so, check by check', async () => {
  const checks = [{ name: 'nfsd', ok: true, detail: '3 4', fix: '' }];
  const rig = await createRig({ reportImageRequirements: async () => ({ checks }) });
  await rig.run(async () => {
    await makeShare(rig);
    const health = await ensure(rig);
    expect(health).toMatchObject({ instanceId: instanceIdOf(rig), alive: true });
    expect(health.checks.map(({ name, ok }) => `${name} ${ok}`)).toEqual([
      'server true',
      'SSH true',
      'nfsd true',
    ]);
    expect(await instanceView(rig)).toMatchObject({ status: 'active', error: null });
  });
  expect(rig.calls).toEqual(['requireServer', 'logIn', 'reportImageRequirements']);
});

test('a look that is terminated fails, and leaves nothing under way', async () => {
  const rig = await createRig({ requireServer: untilCancelled });
  await rig.run(async () => {
    await makeShare(rig);
    const failed = refusal(ensure(rig));
    await until(async () => Boolean((await instanceView(rig))?.operation));
    const { operation } = (await instanceView(rig)) ?? {};
    await rig.client.workflow.getHandle(operation?.workflowId ?? '').terminate('by hand');
    await failed;
    await until(async () => (await instanceView(rig))?.operation === null);
  });
});

test.each([
  ['requireServer', ['server'], false],
  ['logIn', ['server', 'SSH'], false],
  ['reportImageRequirements', ['server', 'SSH', 'image requirements'], true],
] as const)(
  'an instance that fails at %s is told to, and the next look clears it',
  async (step, names, alive) => {
    let well = false;
    const rig = await createRig({
      [step]: async () => {
        if (!well) throw ApplicationFailure.nonRetryable(`${step} says no`, 'ServerFailed');
        return { checks: [] };
      },
    });
    await rig.run(async () => {
      await makeShare(rig);
      const health = await ensure(rig);
      expect(health.alive).toBe(alive);
      expect(health.checks.map(({ name }) => name)).toEqual(names);
      expect(health.checks.at(-1)).toMatchObject({ ok: false, detail: `${step} says no` });
      const view = await instanceView(rig);
      expect(view).toMatchObject({ status: 'active', error: { type: 'InstanceUnhealthy' } });
      expect(view.error?.message).toContain(`${step} says no`);
      well = true;
      expect((await ensure(rig)).checks.every(({ ok }) => ok)).toBe(true);
      expect((await instanceView(rig)).error).toBeNull();
    });
  },
);

test('an instance that does not answer is tried three times, not for hours', async () => {
  let attempts = 0;
  const rig = await createRig({
    logIn: async () => {
      attempts += 1;
      throw ApplicationFailure.create({ type: 'HostUnreachable', message: 'no route' });
    },
  });
  await rig.run(async () => {
    await makeShare(rig);
    const { alive, checks } = await ensure(rig);
    expect(alive).toBe(false);
    expect(checks.at(-1)?.detail).toBe('no route');
  });
  expect(attempts).toBe(3);
});

test('a reboot is asked for with what was there before, waited for, and its shares are ensured', async () => {
  const asked: unknown[] = [];
  const waited: unknown[] = [];
  let drift: 'mount'[] = ['mount'];
  const rig = await createRig({
    rebootServer: async (ask) => void asked.push(ask),
    waitForBoot: async ({ before }) => {
      waited.push(before);
      return 'boot-2';
    },
    inspectShare: async () => {
      const seen = { drift, mounted: false };
      drift = [];
      return seen;
    },
  });
  await rig.run(async () => {
    const one = await makeShare(rig);
    const two = await makeShare(rig);
    const report = await reboot(rig, 'HARD');
    expect(report).toMatchObject({
      instanceId: instanceIdOf(rig),
      type: 'HARD',
      boot: { before: 'boot-1', after: 'boot-2' },
    });
    expect(report.shares.map(({ id }) => id)).toEqual([one.id, two.id]);
    expect(report.shares.map(({ result }) => result).sort()).toEqual(['healthy', 'repaired']);
    expect(await instanceView(rig)).toMatchObject({ status: 'active', error: null });
  });
  expect(asked).toMatchObject([{ type: 'HARD', seen: ['req-1'], serverId: 'v1' }]);
  expect(waited).toEqual(['boot-1']);
  const own = rig.calls.filter(
    (name) => !['inspectShare', 'mountShare', 'applyNfsExports'].includes(name),
  );
  expect(own).toEqual([
    'readBootId',
    'listReboots',
    'rebootServer',
    'waitForReboot',
    'waitForBoot',
    'requireServer',
    'logIn',
    'reportImageRequirements',
  ]);
});

test('an instance that does not answer can be rebooted, and its former boot is not known', async () => {
  const waited: unknown[] = [];
  const rig = await createRig({
    readBootId: broken('HostUnreachable', 'no route'),
    waitForBoot: async ({ before }) => {
      waited.push(before);
      return 'boot-2';
    },
  });
  await rig.run(async () => {
    await makeShare(rig);
    expect((await reboot(rig, 'HARD')).boot).toEqual({ before: null, after: 'boot-2' });
  });
  expect(waited).toEqual([null]);
});

test.each(['listReboots', 'rebootServer', 'waitForReboot', 'waitForBoot'] as const)(
  'a reboot that fails at %s says so, and the instance can be rebooted again',
  async (step) => {
    let well = false;
    const rig = await createRig({
      [step]: async () => {
        if (!well)
          throw ApplicationFailure.nonRetryable(`${step} gave up; use --hard`, 'ServerFailed');
        return step === 'listReboots' ? [] : 'boot-2';
      },
    });
    await rig.run(async () => {
      await makeShare(rig);
      expect(await refusal(reboot(rig))).toMatchObject({ type: 'ServerFailed' });
      const view = await instanceView(rig);
      expect(view.status).toBe('active');
      expect(view.error?.message).toContain('use --hard');
      well = true;
      await reboot(rig, 'HARD');
      expect(await instanceView(rig)).toMatchObject({ status: 'active', error: null });
    });
  },
);

test('what a share lacks after a reboot is reported of it alone', async () => {
  const rig = await createRig({
    inspectShare: async ({ shareId }) => {
      if (!shareId.startsWith('lost-')) return { drift: [], mounted: true };
      throw ApplicationFailure.nonRetryable('no volume', 'VolumeFailed');
    },
  });
  await rig.run(async () => {
    const lost = await makeShare(rig, { id: `lost-${randomUUID()}` });
    const well = await makeShare(rig);
    const { shares } = await reboot(rig);
    expect(shares).toEqual([
      { id: lost.id, result: 'failed', details: ['no volume'] },
      { id: well.id, result: 'healthy', details: [] },
    ]);
    expect((await lost.view()).status).toBe('error');
    expect((await well.view()).status).toBe('available');
  });
});

test('an instance is not rebooted while a share on it is being resized', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const rig = await createRig({ resizeFileSystem: () => gate });
  await rig.run(async () => {
    const share = await makeShare(rig);
    const extended = share.handle.executeUpdate(extendShareUpdate, { args: [{ sizeGib: 2 }] });
    await until(() => rig.calls.includes('resizeFileSystem'));
    const failure = await refusal(reboot(rig, 'HARD'));
    expect(failure).toMatchObject({ type: 'InstanceBusy' });
    expect(failure.message).toContain(`${share.id} (extendShare)`);
    expect(rig.calls).not.toContain('rebootServer');
    open();
    await extended;
    expect(await instanceView(rig)).toMatchObject({ status: 'active' });
  });
});

test('one operation runs at a time: a look waits for the reboot, and a second reboot is refused', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const rig = await createRig({ waitForReboot: () => gate });
  await rig.run(async () => {
    await makeShare(rig);
    const rebooted = reboot(rig);
    await until(() => rig.calls.includes('waitForReboot'));
    expect(await instanceView(rig)).toMatchObject({
      status: 'rebooting',
      operation: { type: 'rebootServiceInstance' },
    });
    expect((await refusal(reboot(rig, 'HARD'))).type).toBe('InstanceBusy');
    const looked = ensure(rig);
    // A share that joins meanwhile waits until it is back.
    const late = await beginShare(rig);
    await until(() => rig.calls.includes('ensureVolume'));
    expect(rig.calls).not.toContain('attachVolume');
    expect(rig.calls).not.toContain('requireServer');
    open();
    await rebooted;
    expect((await looked).alive).toBe(true);
    await until(async () => (await late.view()).status === 'available');
  });
});

test('nothing is done to an instance that is being set up, deleted or about to be', async () => {
  let open = () => {};
  let gate = new Promise<void>((resolve) => (open = resolve));
  const rig = await createRig({
    waitForServer: () => gate,
    deleteServer: async () => {
      await gate;
      return { hasBootVolume: false };
    },
  });
  await rig.run(async () => {
    const share = await beginShare(rig);
    await until(() => rig.calls.includes('waitForServer'));
    expect((await refusal(reboot(rig))).type).toBe('InstanceNotActive');
    expect((await refusal(ensure(rig))).type).toBe('InstanceNotActive');
    open();
    await until(async () => (await share.view()).status === 'available');
    gate = new Promise((resolve) => (open = resolve));
    await instanceHandle(rig).signal(leaveSignal, { shareId: share.id });
    await instanceHandle(rig).executeUpdate(deleteInstanceUpdate);
    await until(() => rig.calls.includes('deleteServer'));
    expect((await refusal(reboot(rig))).type).toBe('InstanceNotActive');
    open();
    await instanceHandle(rig).result();
  });
  expect(rig.calls).not.toContain('rebootServer');
});

test('a deletion that was accepted during a reboot follows it', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const rig = await createRig({ waitForReboot: () => gate });
  await rig.run(async () => {
    const share = await makeShare(rig);
    const rebooted = reboot(rig);
    await until(() => rig.calls.includes('waitForReboot'));
    await instanceHandle(rig).signal(leaveSignal, { shareId: share.id });
    await instanceHandle(rig).executeUpdate(deleteInstanceUpdate);
    open();
    await rebooted;
    await instanceHandle(rig).result();
  });
  expect(rig.calls.indexOf('deleteServer')).toBeGreaterThan(rig.calls.indexOf('waitForBoot'));
});
