import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import {
  allowAccessUpdate,
  deleteShareUpdate,
  ensureShareUpdate,
  extendShareUpdate,
  giveUpUpdate,
  retryUpdate,
  shrinkShareUpdate,
} from '../../workflows/messages.js';
import { availableShare, create, refusal, type StoryShare } from '../support/share-stories.js';
import { createRig, untilCancelled, type Rig, type Steps } from '../support/workflows.js';

const GIB = 2 ** 30;

const extend = ({ handle }: StoryShare, sizeGib: number) =>
  handle.executeUpdate(extendShareUpdate, { args: [{ sizeGib }] });
const shrink = ({ handle }: StoryShare, sizeGib: number) =>
  handle.executeUpdate(shrinkShareUpdate, { args: [{ sizeGib }] });
const allow = ({ handle }: StoryShare, to: string) =>
  handle.executeUpdate(allowAccessUpdate, { args: [{ id: to, to, level: 'rw' }] });

const broken = (message: string, type = 'VolumeFailed') =>
  ApplicationFailure.nonRetryable(message, type);

/** A volume of a size of its own, and what the exports were last written with. */
function cloudOf(volumeSizeGib = 1) {
  const seen = { volumeSizeGib, rules: [] as string[], closedAt: [] as number[] };
  const exported = (rules: { to: string; level: string }[]) => {
    seen.rules = rules.map(({ to, level }) => `${to} ${level}`);
    return [{ path: '10.254.0.5:/shares/x', adminOnly: false }];
  };
  const steps: Steps = {
    ensureVolume: async ({ sizeGib }) => {
      seen.volumeSizeGib = Math.max(sizeGib, volumeSizeGib);
      return { volumeId: 'vol1', volumeSizeGib: seen.volumeSizeGib };
    },
    settleVolume: async () => ({ volumeId: 'vol1', volumeSizeGib: seen.volumeSizeGib }),
    extendVolume: async ({ volumeId, sizeGib }) => {
      seen.volumeSizeGib = sizeGib;
      return { volumeId, volumeSizeGib: sizeGib };
    },
    applyNfsExports: async ({ rules }) => exported(rules),
    mountAndExport: async ({ rules }) => exported(rules),
  };
  return { seen, steps };
}

/** What was called after the share was there and its rule allowed. */
async function story(
  steps: Steps,
  run: (share: StoryShare, rig: Rig) => Promise<void>,
  sizeGib = 1,
): Promise<string[]> {
  const rig = await createRig(steps);
  let before = 0;
  await rig.run(async () => {
    const share = await availableShare(rig, { sizeGib });
    await allow(share, '10.0.0.1');
    before = rig.calls.length;
    await run(share, rig);
  });
  return rig.calls.slice(before);
}

/** Side by side, in whichever order. */
const looks = ['measureShare', 'settleVolume'];
const intoService = ['settleVolume', 'attachVolume', 'mountAndExport'];

test('what a share was extended or shrunk to counts for those who join its instance', async () => {
  const rig = await createRig(
    { measureShare: async () => ({ sizeBytes: 4 * GIB, overheadBytes: 5e7, usedBytes: 4096 }) },
    { max_share_server_size: 4 },
  );
  await rig.run(async () => {
    const share = await availableShare(rig);
    const joining = async () =>
      (await (await availableShare(rig)).view()).serviceInstance?.slice(`${rig.backend}-`.length);
    await extend(share, 4);
    expect(await joining()).toBe('s1-1');
    await shrink(share, 1);
    expect(await joining()).toBe('s1-0');
  });
});

describe('extending', () => {
  test('closes the share, grows volume and file system, and opens it to its rules again', async () => {
    const { seen, steps } = cloudOf();
    const statuses: (string | undefined)[] = [];
    let share: StoryShare | undefined;
    const calls = await story(
      {
        ...steps,
        resizeFileSystem: async () => void statuses.push((await share?.view())?.status),
      },
      async (made, rig) => {
        share = made;
        const view = await extend(share, 2);
        expect(view).toMatchObject({ status: 'available', sizeGib: 2, volumeSizeGib: 2 });
        expect(view.error).toBeNull();
        expect(view.accessRules).toMatchObject([{ to: '10.0.0.1', state: 'active' }]);
        // A repeated create names the size that the share was created with.
        expect(await create(rig, share.request)).toMatchObject({ sizeGib: 2, originalSizeGib: 1 });
        const other = create(rig, { ...share.request, sizeGib: 2 });
        expect((await refusal(other)).type).toBe('ShareExists');
      },
    );
    expect(statuses).toEqual(['extending']);
    expect(seen.rules).toEqual(['10.0.0.1 rw']);
    expect(calls.slice(0, 2).toSorted()).toEqual(looks);
    expect(calls.slice(2)).toEqual([
      'unexportAndUnmount',
      'detachVolume',
      'extendVolume',
      'attachVolume',
      'resizeFileSystem',
      'mountAndExport',
    ]);
  });

  test('leaves a volume alone that is large enough', async () => {
    const { steps } = cloudOf(3);
    const calls = await story(steps, async (share) => {
      expect(await extend(share, 2)).toMatchObject({ sizeGib: 2, volumeSizeGib: 3 });
      expect(await extend(share, 3)).toMatchObject({ sizeGib: 3, volumeSizeGib: 3 });
    });
    expect(calls).not.toContain('extendVolume');
    expect(calls).not.toContain('detachVolume');
    expect(calls.filter((name) => name === 'resizeFileSystem')).toHaveLength(2);
  });

  test.each([
    ['settleVolume', undefined],
    ['measureShare', undefined],
    ['unexportAndUnmount', intoService],
    ['detachVolume', intoService],
    ['extendVolume', intoService],
    ['attachVolume', intoService],
    ['resizeFileSystem', intoService],
    ['mountAndExport', intoService],
  ] as const)(
    'that fails at %s leaves the share in service, at a size that is true',
    async (at, undone) => {
      const { seen, steps } = cloudOf();
      let armed = false;
      const failing = {
        ...steps,
        [at]: async (...args: unknown[]) => {
          if (armed) {
            armed = false;
            throw broken(`${at} broke`);
          }
          const good = steps[at] as ((...all: unknown[]) => Promise<unknown>) | undefined;
          return good?.(...args) ?? null;
        },
      };
      const calls = await story(failing, async (share) => {
        armed = true;
        expect((await refusal(extend(share, 2))).message).toBe(`${at} broke`);
        const view = await share.until('available');
        expect(view.error).toEqual({ type: 'VolumeFailed', message: `${at} broke` });
        expect(view.volumeSizeGib).toBe(seen.volumeSizeGib);
        expect(view.sizeGib).toBe(at === 'mountAndExport' ? 2 : 1);
        expect(view.accessRules).toMatchObject([{ to: '10.0.0.1', state: 'active' }]);
        expect(seen.rules).toEqual(['10.0.0.1 rw']);
        // Where the volume grew before, only the rest is left to do.
        if (at !== 'mountAndExport') {
          expect(await extend(share, 2)).toMatchObject({ sizeGib: 2, error: null });
        }
      });
      if (!undone) {
        // Nothing was touched before the repeat.
        const before = calls.slice(0, calls.indexOf('unexportAndUnmount'));
        expect(looks).toEqual(expect.arrayContaining(before));
        return;
      }
      const failedAt = calls.indexOf(at);
      const last = at === 'mountAndExport' ? calls.lastIndexOf(at) - 2 : failedAt + 1;
      expect(calls.slice(last, last + undone.length)).toEqual(undone);
    },
  );

  test('says extending_error only when the share could not be brought back, and a repeat does', async () => {
    const { steps } = cloudOf();
    let mountable = true;
    const calls = await story(
      {
        ...steps,
        resizeFileSystem: async () => {
          if (!mountable) throw broken('no room for the journal', 'CommandFailed');
        },
        mountAndExport: async () => {
          if (!mountable) throw broken('wrong fs type', 'CommandFailed');
          return [];
        },
      },
      async (share) => {
        mountable = false;
        const failure = await refusal(extend(share, 2));
        expect(failure.message).toContain('no room for the journal');
        expect(failure.message).toContain('wrong fs type');
        const view = await share.until('extending_error');
        expect(view).toMatchObject({ sizeGib: 1, volumeSizeGib: 2 });
        expect(view.retry).toMatchObject({ operation: 'ensureShare', attempts: 1 });
        expect((await refusal(allow(share, '10.0.0.2'))).type).toBe('ShareNotAvailable');
        // Refused before it touches anything, a repeat still tries to bring the share back.
        expect((await refusal(shrink(share, 1))).type).toBe('UndoIncomplete');
        const again = await share.until('shrinking_error');
        expect(again.retry).toMatchObject({ attempts: 2, since: view.retry?.since });
        mountable = true;
        const back = await extend(share, 2);
        expect(back).toMatchObject({ status: 'available', error: null });
        expect(back.retry).toBeUndefined();
        await share.handle.executeUpdate(deleteShareUpdate);
        await share.handle.result();
      },
    );
    expect(calls.filter((name) => name === 'extendVolume')).toHaveLength(1);
  });

  test.each([
    ['brings the share back', 1],
    ['when the file system has grown already says so', 2],
  ])('that is cancelled %s', async (_what, grownGib) => {
    const { seen, steps } = cloudOf();
    const rig = await createRig({
      ...steps,
      resizeFileSystem: untilCancelled,
      measureShare: async () => ({
        sizeBytes: grownGib * GIB,
        overheadBytes: 5e7,
        usedBytes: 4096,
      }),
    });
    await rig.run(async () => {
      const share = await availableShare(rig);
      await allow(share, '10.0.0.1');
      const extended = refusal(extend(share, 2));
      while (!rig.calls.includes('resizeFileSystem')) await new Promise((r) => setTimeout(r, 50));
      const { operation } = await share.view();
      await rig.client.workflow.getHandle(operation?.workflowId ?? '').cancel();
      expect((await extended).type).toBe('Cancelled');
      expect(await share.until('available')).toMatchObject({ sizeGib: grownGib, volumeSizeGib: 2 });
    });
    expect(seen.rules).toEqual(['10.0.0.1 rw']);
    expect(rig.calls.slice(-4)).toEqual([...intoService, 'measureShare']);
  });

  test('that was ended from outside may have left the share out of service, and says so', async () => {
    const { steps } = cloudOf();
    let hold = true;
    const rig = await createRig({
      ...steps,
      resizeFileSystem: () => (hold ? untilCancelled() : Promise.resolve()),
    });
    await rig.run(async () => {
      const share = await availableShare(rig);
      const extended = refusal(extend(share, 2));
      while (!rig.calls.includes('resizeFileSystem')) await new Promise((r) => setTimeout(r, 50));
      hold = false;
      const { operation } = await share.view();
      await rig.client.workflow.getHandle(operation?.workflowId ?? '').terminate();
      await extended;
      expect(await share.until('extending_error')).toMatchObject({
        retry: { operation: 'ensureShare', attempts: 1 },
      });
      expect(await extend(share, 2)).toMatchObject({ status: 'available', sizeGib: 2 });
    });
  });
});

describe('a share that a change of its size left out of service', () => {
  /** Can't be mounted, nor found in service, until it is let. */
  async function leftOut(tell: (share: StoryShare, mend: () => void) => Promise<void>) {
    let mountable = true;
    const fails = async () => {
      if (!mountable) throw broken('wrong fs type', 'CommandFailed');
    };
    const rig = await createRig({
      ...cloudOf().steps,
      resizeFileSystem: fails,
      attachVolume: fails,
      inspectShare: async () => {
        await fails();
        return { drift: [], mounted: true };
      },
    });
    await rig.run(async () => {
      const share = await availableShare(rig);
      mountable = false;
      await refusal(extend(share, 2));
      await tell(share, () => {
        mountable = true;
      });
    });
    return rig.calls;
  }
  const retry = ({ handle }: StoryShare) => handle.executeUpdate(retryUpdate, { args: [{}] });
  const ensure = ({ handle }: StoryShare) =>
    handle.executeUpdate(ensureShareUpdate, {
      args: [{ whenBusy: 'wait', instanceProblem: null }],
    });

  test.each([
    ['a retry', retry],
    ['an ensure', ensure],
  ])('is tried again until it is back, which %s may bring about', async (_, bringBack) => {
    await leftOut(async (share, mend) => {
      const before = await share.until('extending_error');
      expect((await refusal(bringBack(share))).message).toBe('wrong fs type');
      const again = await share.until('extending_error');
      expect(again.retry).toMatchObject({
        operation: 'ensureShare',
        reason: 'wrong fs type',
        attempts: 2,
        since: before.retry?.since,
      });
      mend();
      await bringBack(share);
      const back = await share.until('available');
      expect(back).toMatchObject({ sizeGib: 1, error: null });
      expect(back.retry).toBeUndefined();
      expect((await refusal(retry(share))).type).toBe('NothingToRetry');
    });
  });

  test('says the size that its file system had got by then, and has it counted', async () => {
    const seen = { mounted: true };
    const rig = await createRig(
      {
        ...cloudOf().steps,
        resizeFileSystem: async () => {
          seen.mounted = false;
          return untilCancelled();
        },
        inspectShare: async () => ({
          drift: seen.mounted ? [] : ['mount'],
          mounted: seen.mounted,
        }),
        mountShare: async ({ location }) => {
          seen.mounted = true;
          return location ?? { volumeId: 'vol1', path: '/s', exportName: 's', fileSystem: 'ext4' };
        },
        measureShare: async () => ({ sizeBytes: 4 * GIB, overheadBytes: 5e7, usedBytes: 4096 }),
      },
      { max_share_server_size: 4 },
    );
    await rig.run(async () => {
      const share = await availableShare(rig);
      const extended = refusal(extend(share, 4));
      while (!rig.calls.includes('resizeFileSystem')) await new Promise((r) => setTimeout(r, 50));
      const { operation } = await share.view();
      await rig.client.workflow.getHandle(operation?.workflowId ?? '').terminate();
      await extended;
      expect(await share.until('extending_error')).toMatchObject({ sizeGib: 1 });
      await retry(share);
      expect(await share.until('available')).toMatchObject({ sizeGib: 4, error: null });
      const other = (await (await availableShare(rig)).view()).serviceInstance;
      expect(other).toBe(`${rig.backend}-s1-1`);
    });
  });

  test('is given up by nobody, and deleted as any other', async () => {
    const calls = await leftOut(async (share, mend) => {
      const failure = await refusal(share.handle.executeUpdate(giveUpUpdate, { args: [{}] }));
      expect(failure.type).toBe('NothingToGiveUp');
      expect(failure.message).toContain('wrong fs type');
      expect(failure.message).toContain(`hawser share delete ${share.id}`);
      await share.until('extending_error');
      mend();
      await share.handle.executeUpdate(deleteShareUpdate);
      expect(await share.handle.result()).toMatchObject({ status: 'deleted' });
    });
    expect(calls).not.toContain('inspectShare');
  });
});

describe('shrinking', () => {
  test('makes the file system smaller and leaves the volume as it is', async () => {
    const { seen, steps } = cloudOf();
    const calls = await story(
      steps,
      async (share, rig) => {
        const view = await shrink(share, 1);
        expect(view).toMatchObject({ status: 'available', sizeGib: 1, volumeSizeGib: 3 });
        expect(await create(rig, share.request)).toMatchObject({ originalSizeGib: 3 });
      },
      3,
    );
    expect(seen.rules).toEqual(['10.0.0.1 rw']);
    expect(calls.slice(0, 2).toSorted()).toEqual(looks);
    expect(calls.slice(2)).toEqual([
      'unexportAndUnmount',
      'attachVolume',
      'resizeFileSystem',
      'mountAndExport',
    ]);
  });

  test.each([
    ['by what is used', { usedBytes: 1.01 * GIB, overheadBytes: 0 }],
    [
      'by what is used and what the file system keeps',
      { usedBytes: 0.99 * GIB, overheadBytes: GIB / 20 },
    ],
  ])('below its data is refused %s, with nothing touched', async (_how, use) => {
    const { steps } = cloudOf();
    const measureShare = async () => ({ sizeBytes: 2 * GIB, ...use });
    const calls = await story(
      { ...steps, measureShare },
      async (share) => {
        const failure = await refusal(shrink(share, 1));
        expect(failure.type).toBe('ShrinkingPossibleDataLoss');
        const view = await share.until('shrinking_possible_data_loss_error');
        expect(view).toMatchObject({ sizeGib: 2, error: { type: 'ShrinkingPossibleDataLoss' } });
        expect(await allow(share, '10.0.0.2')).toMatchObject({ state: 'active' });
        expect(await extend(share, 3)).toMatchObject({ status: 'available', error: null });
      },
      2,
    );
    expect(calls.slice(0, 2).toSorted()).toEqual(looks);
    expect(calls[2]).toBe('applyNfsExports');
  });

  test('below what only the file system itself can tell is refused, and the share is back', async () => {
    const { seen, steps } = cloudOf();
    const calls = await story(
      {
        ...steps,
        resizeFileSystem: async () => {
          throw broken('needs at least 2 GiB', 'ShrinkingPossibleDataLoss');
        },
      },
      async (share) => {
        expect((await refusal(shrink(share, 1))).message).toBe('needs at least 2 GiB');
        await share.until('shrinking_possible_data_loss_error');
      },
      2,
    );
    expect(seen.rules).toEqual(['10.0.0.1 rw']);
    expect(calls.slice(-4)).toEqual([...intoService, 'measureShare']);
  });
});

describe('a request that is sent again', () => {
  const ask = ({ handle }: StoryShare, sizeGib: number, request: string) =>
    handle.executeUpdate(extendShareUpdate, { args: [{ sizeGib, request }] });

  test('is answered as it was, while it is under way and afterwards, and is done once', async () => {
    const { steps } = cloudOf();
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const calls = await story({ ...steps, resizeFileSystem: () => gate }, async (share) => {
      const first = ask(share, 2, 'one');
      await expect.poll(async () => (await share.view()).status).toBe('extending');
      const second = ask(share, 2, 'one');
      expect((await refusal(ask(share, 2, 'two'))).type).toBe('ShareBusy');
      open();
      expect(await first).toMatchObject({ sizeGib: 2 });
      expect(await second).toMatchObject({ sizeGib: 2 });
      // By now the workflow has continued as new.
      expect(await ask(share, 2, 'one')).toMatchObject({ sizeGib: 2 });
      expect((await refusal(ask(share, 2, 'two'))).message).toContain('it has 2 GiB already');
    });
    expect(calls.filter((name) => name === 'resizeFileSystem')).toHaveLength(1);
  });

  test('fails again as it failed', async () => {
    const { steps } = cloudOf();
    const calls = await story(
      {
        ...steps,
        extendVolume: async () => {
          throw broken('no room');
        },
      },
      async (share) => {
        for (let time = 0; time < 2; time += 1) {
          expect((await refusal(ask(share, 2, 'one'))).message).toBe('no room');
        }
        expect((await refusal(ask(share, 2, 'two'))).message).toBe('no room');
      },
    );
    expect(calls.filter((name) => name === 'extendVolume')).toHaveLength(2);
  });
});

describe('a change of size', () => {
  test('is refused with a reason when it is none, or the share is not in service', async () => {
    const { steps } = cloudOf();
    let open = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    await story(
      { ...steps, resizeFileSystem: () => gate },
      async (share) => {
        for (const [ask, reason] of [
          [() => extend(share, 2), 'it has 2 GiB already'],
          [() => extend(share, 1), 'shrink it to make it smaller'],
          [() => shrink(share, 2), 'it has 2 GiB already'],
          [() => shrink(share, 3), 'extend it to make it larger'],
          [() => extend(share, 2.5), 'size 2.5 is a fraction'],
          [() => shrink(share, 0), 'a size of 0 leaves no room'],
          [() => extend(share, 65_537), 'larger than the largest share'],
        ] as const) {
          const failure = await refusal(ask());
          expect(failure.type).toBe('InvalidInput');
          expect(failure.message).toContain(reason);
        }
        const extended = extend(share, 3);
        await expect.poll(async () => (await share.view()).status).toBe('extending');
        expect((await refusal(extend(share, 4))).type).toBe('ShareBusy');
        expect((await refusal(shrink(share, 1))).type).toBe('ShareBusy');
        const deletion = share.handle.executeUpdate(deleteShareUpdate);
        expect((await refusal(deletion)).message).toContain('its status is extending');
        open();
        await extended;
      },
      2,
    );
  });

  test('waits for its turn, and is looked at again when that comes', async () => {
    const { steps } = cloudOf();
    let open = () => {};
    let gate: Promise<void> | undefined;
    await story(
      {
        ...steps,
        applyNfsExports: async () => {
          await gate;
          return [];
        },
      },
      async (share) => {
        gate = new Promise((resolve) => (open = resolve));
        const allowed = allow(share, '10.0.0.2');
        await expect.poll(async () => (await share.view()).operation?.type).toBe('updateAccess');
        const both = [extend(share, 2), extend(share, 2)];
        const answers = Promise.allSettled(both);
        await expect.poll(async () => (await share.view()).status).toBe('available');
        open();
        expect(await allowed).toMatchObject({ state: 'active' });
        const late = both[(await answers).findIndex(({ status }) => status === 'rejected')];
        expect(await Promise.any(both)).toMatchObject({ sizeGib: 2 });
        const { message } = await refusal(late ?? Promise.resolve());
        expect(message).toMatch(/it has 2 GiB already|status is extending/);
      },
    );
  });
});
