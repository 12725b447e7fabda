import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import {
  createSnapshotUpdate,
  deleteShareUpdate,
  deleteSnapshotUpdate,
  manageSnapshotUpdate,
  retryUpdate,
  unmanageSnapshotUpdate,
} from '../../workflows/messages.js';
import { makeShare, refusalOf, type ShareOfRig } from '../support/share-of-rig.js';
import { createRig, untilCancelled, type Rig, type Steps } from '../support/workflows.js';

const take = ({ handle }: ShareOfRig, id = 's1', name = '') =>
  handle.executeUpdate(createSnapshotUpdate, { args: [{ id, name }] });
const remove = ({ handle }: ShareOfRig, snapshotId = 's1') =>
  handle.executeUpdate(deleteSnapshotUpdate, { args: [{ snapshotId }] });
const cinders = '0c219947-81c1-4d58-85f8-0dc352776755';
const manage = ({ handle }: ShareOfRig, id = 's1', volumeSnapshotId = cinders) =>
  handle.executeUpdate(manageSnapshotUpdate, { args: [{ id, name: '', volumeSnapshotId }] });
const unmanage = ({ handle }: ShareOfRig, snapshotId = 's1') =>
  handle.executeUpdate(unmanageSnapshotUpdate, { args: [{ snapshotId }] });

const snapshotSteps = [
  'freezeFileSystem',
  'thawFileSystem',
  'ensureVolumeSnapshot',
  'deleteVolumeSnapshot',
  'inspectVolumeSnapshot',
  'markVolumeSnapshot',
  'unmarkVolumeSnapshot',
];
const stepsOf = ({ calls }: Rig) => calls.filter((name) => snapshotSteps.includes(name));

/** Tells a share's story on a worker with these steps. */
async function withShare(
  steps: Steps,
  story: (share: ShareOfRig, rig: Rig) => Promise<void>,
): Promise<Rig> {
  const rig = await createRig(steps);
  await rig.run(async () => story(await makeShare(rig), rig));
  return rig;
}

const broken = (message: string) => async () => {
  throw ApplicationFailure.nonRetryable(message, 'SnapshotFailed');
};

test('a snapshot is taken between freeze and thaw, shown by its share, and deleted', async () => {
  const rig = await withShare({}, async (share) => {
    const made = await take(share, 's1', 'before the move');
    expect(made).toMatchObject({
      id: 's1',
      name: 'before the move',
      status: 'available',
      sizeGib: 1,
      volumeSnapshotId: 'c1',
      error: null,
    });
    expect((await share.until('available')).snapshots).toEqual([made]);
    await remove(share);
    expect((await share.until('available')).snapshots).toEqual([]);
  });
  expect(stepsOf(rig)).toEqual([
    'deleteVolumeSnapshot',
    'freezeFileSystem',
    'ensureVolumeSnapshot',
    'thawFileSystem',
    'deleteVolumeSnapshot',
  ]);
});

test('asking again for a snapshot returns the same, under another name it is refused', async () => {
  const rig = await withShare({}, async (share) => {
    const [first, second] = await Promise.all([take(share), take(share)]);
    expect(second).toEqual(first);
    expect(await take(share)).toEqual(first);
    const failure = await refusalOf(take(share, 's1', 'other'));
    expect(failure.type).toBe('SnapshotExists');
    expect((await refusalOf(take(share, 'no/slash'))).type).toBe('InvalidInput');
  });
  expect(rig.calls.filter((name) => name === 'ensureVolumeSnapshot')).toHaveLength(1);
});

test.each([
  ['freezeFileSystem', ['thawFileSystem', 'deleteVolumeSnapshot']],
  ['ensureVolumeSnapshot', ['thawFileSystem', 'deleteVolumeSnapshot']],
  ['thawFileSystem', ['thawFileSystem', 'deleteVolumeSnapshot']],
] as const)(
  'a snapshot that fails at %s lets writers go on and leaves nothing',
  async (name, undone) => {
    const rig = await withShare({ [name]: broken(`${name} broke`) }, async (share) => {
      const failure = await refusalOf(take(share));
      expect(failure.message).toContain(`${name} broke`);
      const { snapshots, status } = await share.until('available');
      expect(status).toBe('available');
      expect(snapshots).toMatchObject([{ status: 'error', error: { message: failure.message } }]);
    });
    const steps = stepsOf(rig);
    expect(steps.slice(steps.indexOf(name) + 1)).toEqual(undone);
  },
);

test.each([
  ['taken', take, 'ensureVolumeSnapshot', 'error', 'deleteVolumeSnapshot'],
  ['managed', manage, 'markVolumeSnapshot', 'manage_error', 'unmarkVolumeSnapshot'],
] as const)(
  'what a snapshot left that was ended from outside while it was %s goes at its next try',
  async (_, begin, at, status, remedy) => {
    let hold = true;
    const held = async () => {
      if (hold) await untilCancelled();
      return { volumeSnapshotId: 'c2' };
    };
    await withShare({ [at]: held }, async (share, rig) => {
      const refused = refusalOf(begin(share));
      while (!rig.calls.includes(at)) await new Promise((r) => setTimeout(r, 20));
      const { operation } = await share.view();
      await rig.client.workflow.getHandle(operation?.workflowId ?? '').terminate();
      expect((await refused).type).toBe('UndoIncomplete');
      const [left] = (await share.until('available')).snapshots;
      expect(left).toMatchObject({
        status,
        error: { type: 'UndoIncomplete', message: expect.stringContaining('was not undone') },
        retry: { attempts: 1 },
      });
      rig.calls.length = 0;
      await share.handle.executeUpdate(retryUpdate, { args: [{ snapshotId: 's1' }] });
      expect(rig.calls).toEqual([remedy]);
      const [clean] = (await share.until('available')).snapshots;
      expect(clean).toMatchObject({ status, error: { type: 'Undone' } });
      expect(clean?.retry).toBeUndefined();
      hold = false;
      expect(await begin(share)).toMatchObject({ status: 'available' });
    });
  },
);

test('one that failed is tried again under its id, and can be deleted', async () => {
  let failing = true;
  const ensureVolumeSnapshot = async () => {
    if (failing) throw ApplicationFailure.nonRetryable('no room', 'SnapshotFailed');
    return { volumeSnapshotId: 'c2' };
  };
  await withShare({ ensureVolumeSnapshot }, async (share) => {
    await refusalOf(take(share));
    await refusalOf(take(share, 's2'));
    failing = false;
    expect(await take(share)).toMatchObject({ status: 'available', volumeSnapshotId: 'c2' });
    await remove(share, 's2');
    expect((await share.until('available')).snapshots).toMatchObject([{ id: 's1', error: null }]);
  });
});

test('a snapshot whose writers went on too early is deleted and taken once more', async () => {
  const held = [false, true];
  const holds: string[] = [];
  const rig = await withShare(
    {
      freezeFileSystem: async ({ hold }) => {
        holds.push(hold);
      },
      thawFileSystem: async () => ({ heldUntilNow: held.shift() ?? true }),
    },
    async (share) => {
      expect(await take(share)).toMatchObject({ status: 'available' });
    },
  );
  expect(new Set(holds).size).toBe(2);
  expect(stepsOf(rig).slice(1)).toEqual([
    'freezeFileSystem',
    'ensureVolumeSnapshot',
    'thawFileSystem',
    'deleteVolumeSnapshot',
    'freezeFileSystem',
    'ensureVolumeSnapshot',
    'thawFileSystem',
  ]);
});

test('a snapshot whose writers always go on too early fails, and says why', async () => {
  const rig = await withShare(
    { thawFileSystem: async () => ({ heldUntilNow: false }) },
    async (share) => {
      const failure = await refusalOf(take(share));
      expect(failure.type).toBe('SnapshotNotConsistent');
      expect(failure.message).toContain('max_time_to_freeze');
    },
  );
  expect(stepsOf(rig).at(-1)).toBe('deleteVolumeSnapshot');
  expect(rig.calls.filter((name) => name === 'ensureVolumeSnapshot')).toHaveLength(2);
});

test('a share with snapshots is not deleted, and says which and what to do', async () => {
  await withShare({}, async (share) => {
    await take(share);
    await take(share, 's2');
    const failure = await refusalOf(share.handle.executeUpdate(deleteShareUpdate));
    expect(failure.type).toBe('ShareHasSnapshots');
    expect(failure.message).toContain('s1, s2');
    expect(failure.message).toContain(`hawser snapshot delete ${share.id}`);
    await remove(share);
    await unmanage(share, 's2');
    await share.handle.executeUpdate(deleteShareUpdate);
    expect(await share.handle.result()).toMatchObject({ status: 'deleted' });
  });
});

test('a snapshot that Cinder fails to delete stays, with the reason, and is deleted later', async () => {
  let stuck = false;
  const deleteVolumeSnapshot = async () => {
    if (stuck) throw ApplicationFailure.nonRetryable('reset its state', 'SnapshotFailed');
  };
  await withShare({ deleteVolumeSnapshot }, async (share) => {
    await take(share);
    stuck = true;
    expect((await refusalOf(remove(share))).message).toContain('reset its state');
    expect((await share.until('available')).snapshots).toMatchObject([
      { status: 'error_deleting', error: { message: 'reset its state' } },
    ]);
    expect((await refusalOf(take(share))).type).toBe('SnapshotExists');
    stuck = false;
    await remove(share);
    expect((await share.until('available')).snapshots).toEqual([]);
    expect((await refusalOf(remove(share))).type).toBe('UnknownSnapshot');
  });
});

test('a snapshot is not deleted while it is being taken, and not taken of a share out of service', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  await withShare({ freezeFileSystem: () => gate }, async (share, rig) => {
    const taken = take(share);
    while (!rig.calls.includes('freezeFileSystem')) await new Promise((r) => setTimeout(r, 20));
    expect((await refusalOf(remove(share))).type).toBe('SnapshotBusy');
    expect((await refusalOf(unmanage(share))).type).toBe('SnapshotBusy');
    expect((await refusalOf(share.handle.executeUpdate(deleteShareUpdate))).type).toBe(
      'ShareHasSnapshots',
    );
    open();
    await taken;
  });
  const rig = await createRig({ formatAndMount: broken('not blank') });
  await rig.run(async () => {
    const share = await makeShare(rig, {}, 'error');
    expect((await refusalOf(take(share))).type).toBe('ShareNotAvailable');
  });
});

test("a share on no volume of Cinder's has no snapshots", async () => {
  const formatAndMount = async () => ({
    volumeId: null,
    path: '/srv/old',
    exportName: 'old',
    fileSystem: 'ext4' as const,
  });
  await withShare({ formatAndMount }, async (share) => {
    const failure = await refusalOf(take(share));
    expect(failure).toMatchObject({ type: 'ShareNotAvailable' });
    expect(failure.message).toContain('volume');
    expect((await refusalOf(manage(share))).type).toBe('ShareNotAvailable');
  });
});

test("a snapshot of Cinder's is managed with its own size, once, and forgotten without deletion", async () => {
  const rig = await withShare(
    { inspectVolumeSnapshot: async () => ({ name: 'theirs', sizeGib: 7 }) },
    async (share) => {
      const managed = await manage(share);
      expect(managed).toMatchObject({
        status: 'available',
        sizeGib: 7,
        volumeSnapshotId: cinders,
      });
      expect(await manage(share)).toEqual(managed);
      const twice = await refusalOf(manage(share, 's2'));
      expect(twice.type).toBe('SnapshotExists');
      expect(twice.message).toContain('s1');
      const other = cinders.replace('0', '1');
      expect((await refusalOf(manage(share, 's1', other))).type).toBe('SnapshotExists');
      expect((await refusalOf(manage(share, 's3', 'no id'))).type).toBe('InvalidInput');
      await unmanage(share);
      expect((await share.until('available')).snapshots).toEqual([]);
    },
  );
  expect(stepsOf(rig)).toEqual([
    'inspectVolumeSnapshot',
    'markVolumeSnapshot',
    'unmarkVolumeSnapshot',
  ]);
});

test('a snapshot that can not be managed gets its name back, and is forgotten untouched', async () => {
  const names: (string | undefined)[] = [];
  const rig = await withShare(
    {
      inspectVolumeSnapshot: async () => ({ name: 'theirs', sizeGib: 7 }),
      markVolumeSnapshot: broken('Cinder broke'),
      unmarkVolumeSnapshot: async ({ name }) => {
        names.push(name);
      },
    },
    async (share) => {
      expect((await refusalOf(manage(share))).message).toContain('Cinder broke');
      expect((await share.until('available')).snapshots).toMatchObject([
        { status: 'manage_error', error: { message: 'Cinder broke' } },
      ]);
      await remove(share);
      expect((await share.until('available')).snapshots).toEqual([]);
    },
  );
  // The second time is the deletion's, which can't know that the first was enough.
  expect(names).toEqual(['theirs', undefined]);
  expect(rig.calls).not.toContain('deleteVolumeSnapshot');
});

test.each([
  ['deleted', remove],
  ['unmanaged', unmanage],
])(
  'one whose take-over could not be undone is never %s with its marks on, nor in Cinder',
  async (_, letGo) => {
    let stuck = true;
    const rig = await withShare(
      {
        markVolumeSnapshot: broken('Cinder broke'),
        unmarkVolumeSnapshot: async () => {
          if (stuck) await broken('forbidden')();
        },
      },
      async (share, { calls }) => {
        expect((await refusalOf(manage(share))).type).toBe('UndoIncomplete');
        // Two at once: what the first one found must not be forgotten by the second.
        await Promise.all([refusalOf(letGo(share)), refusalOf(letGo(share)).catch(() => {})]);
        await refusalOf(remove(share));
        expect((await share.until('available')).snapshots).toMatchObject([
          { status: 'manage_error', volumeSnapshotId: cinders },
        ]);
        // By its marks it would be taken for what an earlier attempt to take s1 left.
        expect((await refusalOf(take(share))).type).toBe('SnapshotExists');
        expect(calls).not.toContain('deleteVolumeSnapshot');
        stuck = false;
        await letGo(share);
        expect((await share.until('available')).snapshots).toEqual([]);
      },
    );
    expect(stepsOf(rig).at(-1)).toBe('unmarkVolumeSnapshot');
    expect(rig.calls).not.toContain('deleteVolumeSnapshot');
  },
);

test('another of Cinder’s is managed under the id after the marks are off the first', async () => {
  const other = '1d32aa58-92d2-5e69-96c9-1edd463867aa';
  let stuck = true;
  const marks: string[] = [];
  await withShare(
    {
      markVolumeSnapshot: async ({ volumeSnapshotId }) => {
        marks.push(`on ${volumeSnapshotId}`);
        if (stuck) await broken('Cinder broke')();
      },
      unmarkVolumeSnapshot: async ({ volumeSnapshotId }) => {
        if (stuck) await broken('forbidden')();
        marks.push(`off ${volumeSnapshotId}`);
      },
    },
    async (share) => {
      await refusalOf(manage(share));
      await refusalOf(manage(share, 's1', other));
      expect((await share.until('available')).snapshots).toMatchObject([
        { status: 'manage_error', volumeSnapshotId: cinders },
      ]);
      stuck = false;
      expect(await manage(share, 's1', other)).toMatchObject({
        status: 'available',
        volumeSnapshotId: other,
      });
    },
  );
  expect(marks).toEqual([`on ${cinders}`, `off ${cinders}`, `on ${other}`]);
});

test('a snapshot whose marks stay is shown as unmanage_error, and unmanaged later', async () => {
  let failing = true;
  const unmarkVolumeSnapshot = async () => {
    if (failing) throw ApplicationFailure.nonRetryable('forbidden', 'Forbidden');
  };
  await withShare({ unmarkVolumeSnapshot }, async (share) => {
    await take(share);
    await refusalOf(unmanage(share));
    expect((await share.until('available')).snapshots).toMatchObject([
      { status: 'unmanage_error' },
    ]);
    failing = false;
    await unmanage(share);
    expect((await share.until('available')).snapshots).toEqual([]);
  });
});
