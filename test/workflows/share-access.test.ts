import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, test } from 'vitest';
import {
  allowAccessUpdate,
  changeAccessUpdate,
  denyAccessUpdate,
  ensureShareUpdate,
  extendShareUpdate,
  giveUpUpdate,
  retryUpdate,
} from '../../workflows/messages.js';
import type { AccessLevel } from '../../workflows/model.js';
import { beginShare, availableShare, refusal, type StoryShare } from '../support/share-stories.js';
import { createRig, placeOf, type Rig, type Steps } from '../support/workflows.js';

const allow = ({ handle }: StoryShare, to: string, level: AccessLevel = 'rw') =>
  handle.executeUpdate(allowAccessUpdate, { args: [{ id: `r-${to}`, to, level }] });
const allowUser = ({ handle }: StoryShare, id: string, to: string, level: AccessLevel = 'rw') =>
  handle.executeUpdate(allowAccessUpdate, { args: [{ id, type: 'user', to, level }] });
const change = ({ handle }: StoryShare, rule: string, level: AccessLevel) =>
  handle.executeUpdate(changeAccessUpdate, { args: [{ rule, level }] });
const deny = ({ handle }: StoryShare, rule: string) =>
  handle.executeUpdate(denyAccessUpdate, { args: [{ rule }] });

/** Remembers what was written; fails while it is broken. */
function writer() {
  const seen = { written: [] as string[][], by: [] as (string | undefined)[], broken: false };
  const write: Steps['applyNfsExports'] = async ({ rules, accessBy }) => {
    if (seen.broken) throw ApplicationFailure.nonRetryable('disk full', 'CommandFailed');
    seen.written.push(rules.map(({ to, level }) => `${to} ${level}`));
    seen.by.push(accessBy);
    return [{ path: '10.254.0.5:/shares/x', adminOnly: false }];
  };
  return { seen, steps: { applyNfsExports: write, applyCifsShare: write } };
}

type Seen = ReturnType<typeof writer>['seen'];

/** Runs a story of an available share, and returns what was called. */
async function withShare(
  story: (share: StoryShare, seen: Seen, rig: Rig) => Promise<void>,
  more: Steps = {},
): Promise<string[]> {
  const { seen, steps } = writer();
  const rig = await createRig({ ...steps, ...more });
  await rig.run(async () => story(await availableShare(rig), seen, rig));
  return rig.calls;
}

describe("a rule's level", () => {
  test('is changed by its id or its address, whole list, and a repeat writes nothing', async () => {
    await withShare(async (share, seen) => {
      await allow(share, '10.0.0.1');
      await allow(share, '10.0.0.10');
      expect(await change(share, '10.0.0.1', 'ro')).toEqual({
        id: 'r-10.0.0.1',
        type: 'ip',
        to: '10.0.0.1',
        level: 'ro',
        state: 'active',
      });
      expect(seen.written.at(-1)).toEqual(['10.0.0.1 ro', '10.0.0.10 rw']);
      const writes = seen.written.length;
      await change(share, 'r-10.0.0.1', 'ro');
      expect(seen.written).toHaveLength(writes);
      await change(share, 'r-10.0.0.1', 'rw');
      expect(seen.written.at(-1)).toEqual(['10.0.0.1 rw', '10.0.0.10 rw']);
    });
  });

  test('whose writing failed is shown as asked for, in error, and the next write settles it', async () => {
    await withShare(async (share, seen) => {
      await allow(share, '10.0.0.1');
      seen.broken = true;
      expect((await refusal(change(share, '10.0.0.1', 'ro'))).message).toContain('disk full');
      const { accessRules } = await share.until('available');
      expect(accessRules).toMatchObject([{ level: 'ro', state: 'error' }]);
      seen.broken = false;
      await allow(share, '10.0.0.2');
      expect(seen.written.at(-1)).toEqual(['10.0.0.1 ro', '10.0.0.2 rw']);
      expect((await share.view()).accessRules).toMatchObject([{ state: 'active' }, {}]);
    });
  });

  test('whose writing failed is written by a repeat, or taken back by changing it back', async () => {
    await withShare(async (share, seen) => {
      await allow(share, '10.0.0.1');
      for (const level of ['ro', 'rw'] as const) {
        seen.broken = true;
        await refusal(change(share, '10.0.0.1', 'ro'));
        seen.broken = false;
        expect(await change(share, '10.0.0.1', level)).toMatchObject({ level, state: 'active' });
        expect(seen.written.at(-1)).toEqual([`10.0.0.1 ${level}`]);
        await change(share, '10.0.0.1', 'rw');
      }
    });
  });

  test('is refused for a rule that is not there, is being denied, or cannot have it', async () => {
    await withShare(async (share, seen, rig) => {
      expect((await refusal(change(share, '10.0.0.1', 'ro'))).type).toBe('RuleNotFound');
      await allow(share, '10.0.0.10');
      expect((await refusal(change(share, '10.0.0.1', 'ro'))).type).toBe('RuleNotFound');
      const odd = change(share, '10.0.0.10', 'rx' as AccessLevel);
      expect((await refusal(odd)).type).toBe('InvalidInput');
      seen.broken = true;
      await refusal(deny(share, '10.0.0.10'));
      await share.until('available');
      expect((await refusal(change(share, '10.0.0.10', 'ro'))).type).toBe('RuleNotFound');
      seen.broken = false;
      const other = await availableShare(rig, { protocol: 'CIFS' });
      await allow(other, '10.0.0.1');
      expect((await refusal(change(other, '10.0.0.1', 'ro'))).message).toContain('rw access only');
    });
  });
});

test('a denial that is sent again after its share continued as new is answered as it was', async () => {
  await withShare(async (share, seen) => {
    const denyBy = (request: string) =>
      share.handle.executeUpdate(denyAccessUpdate, { args: [{ rule: '10.0.0.1', request }] });
    await allow(share, '10.0.0.1');
    const { runId } = await share.handle.describe();
    const answer = await denyBy('first');
    await expect.poll(async () => (await share.handle.describe()).runId).not.toBe(runId);
    expect(await denyBy('first')).toEqual(answer);
    expect((await refusal(denyBy('second'))).type).toBe('RuleNotFound');
    // It was about the rule that it found, not about what was allowed since.
    await allow(share, '10.0.0.1');
    expect(await denyBy('first')).toEqual(answer);
    expect((await share.until('available')).accessRules).toHaveLength(1);
    expect(seen.written.at(-1)).toEqual(['10.0.0.1 rw']);
    // One that failed was not answered for good.
    seen.broken = true;
    await refusal(denyBy('third'));
    seen.broken = false;
    expect(await denyBy('third')).toMatchObject({ to: '10.0.0.1' });
    expect((await share.until('available')).accessRules).toEqual([]);
  });
});

describe('a CIFS share of a backend with CIFSHelperUserAccess', () => {
  const byUser: Steps = {
    resolveShareHelper: async ({ shareId }) => ({ accessBy: 'user', place: placeOf(shareId) }),
  };

  test('takes rules for users, told from one another without regard to case', async () => {
    const { seen, steps } = writer();
    const rig = await createRig({ ...steps, ...byUser });
    await rig.run(async () => {
      const share = await availableShare(rig, { protocol: 'CIFS' });
      expect((await share.view()).accessBy).toBe('user');
      expect(await allowUser(share, 'a', 'Alice')).toMatchObject({ type: 'user', to: 'Alice' });
      expect((await refusal(allowUser(share, 'b', 'alice'))).type).toBe('RuleExists');
      await allowUser(share, 'b', 'EXAMPLE\\bob', 'ro');
      expect(seen.written.at(-1)).toEqual(['Alice rw', 'EXAMPLE\\bob ro']);
      await change(share, 'example\\BOB', 'rw');
      await share.handle.executeUpdate(extendShareUpdate, { args: [{ sizeGib: 2 }] });
      expect(seen.written.at(-1)).toEqual(['Alice rw', 'EXAMPLE\\bob rw']);
      await deny(share, 'ALICE');
      expect(seen.written.at(-1)).toEqual(['EXAMPLE\\bob rw']);
      expect(new Set(seen.by)).toEqual(new Set(['user']));
    });
  });

  test('takes none for addresses, nor any name that is more than a name', async () => {
    const { seen, steps } = writer();
    const rig = await createRig({ ...steps, ...byUser });
    await rig.run(async () => {
      const share = await availableShare(rig, { protocol: 'CIFS' });
      const writes = seen.written.length;
      expect((await refusal(allow(share, '10.0.0.1'))).message).toContain('name users');
      for (const name of ['@staff', 'alice$(id)', 'alice bob', 'alice\n[global]']) {
        expect((await refusal(allowUser(share, 'x', name))).type, name).toBe('InvalidInput');
      }
      expect(seen.written).toHaveLength(writes);
    });
  });
});

test('a share of a protocol that its backend has no helper for is not made, nor anything for it', async () => {
  const rig = await createRig({
    resolveShareHelper: async () => {
      throw ApplicationFailure.nonRetryable('Backend x serves no CIFS shares', 'InvalidInput');
    },
  });
  await rig.run(async () => {
    const share = await beginShare(rig, { protocol: 'CIFS' });
    expect((await share.until('error')).error?.message).toContain('serves no CIFS shares');
  });
  expect(['resolveShareHelper', 'resolveShareNetwork']).toEqual(expect.arrayContaining(rig.calls));
});

describe('a denial that failed', () => {
  const retry = ({ handle }: StoryShare) => handle.executeUpdate(retryUpdate, { args: [{}] });

  /** A share with two rules, one of which could not be denied. */
  async function stillOpen(
    story: (share: StoryShare, seen: Seen) => Promise<void>,
    more: Steps = {},
  ) {
    return withShare(async (share, seen, { calls }) => {
      await allow(share, '10.0.0.1');
      await allow(share, '10.0.0.2');
      seen.broken = true;
      await refusal(deny(share, '10.0.0.1'));
      calls.length = 0;
      await story(share, seen);
    }, more);
  }

  test('is tried again, whole list, until the client is out', async () => {
    await stillOpen(async (share, seen) => {
      const { retry: first } = await share.until('available');
      expect(first).toMatchObject({ operation: 'updateAccess', reason: 'disk full', attempts: 1 });
      expect(await refusal(retry(share))).toMatchObject({ message: 'disk full' });
      await refusal(allow(share, '10.0.0.3'));
      expect((await share.until('available')).retry).toMatchObject({
        attempts: 3,
        since: first?.since,
      });
      const { type } = await refusal(share.handle.executeUpdate(giveUpUpdate, { args: [{}] }));
      expect(type).toBe('NothingToGiveUp');
      seen.broken = false;
      await retry(share);
      const view = await share.until('available');
      expect(view.retry).toBeUndefined();
      expect(view.accessRules.map(({ to, state }) => `${to} ${state}`)).toEqual([
        '10.0.0.2 active',
        '10.0.0.3 active',
      ]);
      expect(seen.written.at(-1)).toEqual(['10.0.0.2 rw', '10.0.0.3 rw']);
    });
  });

  test('waits for no try any more when another write succeeds, or the rule is wanted again', async () => {
    await stillOpen(async (share, seen) => {
      await refusal(allow(share, '10.0.0.1'));
      expect((await share.until('available')).retry).toBeUndefined();
      await refusal(deny(share, '10.0.0.1'));
      expect((await share.until('available')).retry).toMatchObject({ attempts: 1 });
      seen.broken = false;
      await allow(share, '10.0.0.3');
      expect((await share.until('available')).retry).toBeUndefined();
    });
  });

  test('is tried on a share that was found out of service, which loses nothing by it', async () => {
    let drift = true;
    const inspectShare = async () => {
      if (drift) throw ApplicationFailure.nonRetryable('no device', 'CommandFailed');
      return { drift: [], mounted: true };
    };
    const calls = await stillOpen(
      async (share, seen) => {
        const ensure = () =>
          share.handle.executeUpdate(ensureShareUpdate, {
            args: [{ whenBusy: 'wait', instanceProblem: null }],
          });
        await refusal(ensure());
        expect((await share.until('error')).retry).toMatchObject({ operation: 'updateAccess' });
        await refusal(retry(share));
        expect((await share.until('error')).retry).toMatchObject({ attempts: 2 });
        seen.broken = false;
        await retry(share);
        expect((await share.until('error')).retry).toBeUndefined();
        drift = false;
        await ensure();
        await share.until('available');
      },
      { inspectShare },
    );
    expect(new Set(calls)).toEqual(new Set(['inspectShare', 'applyNfsExports']));
  });

  test('is tried again; an allowance or a change that failed is not', async () => {
    await withShare(async (share, seen) => {
      await allow(share, '10.0.0.1');
      seen.broken = true;
      await refusal(allow(share, '10.0.0.2'));
      await refusal(change(share, '10.0.0.1', 'ro'));
      expect((await share.until('available')).retry).toBeUndefined();
    });
  });
});
