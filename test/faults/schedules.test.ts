import { expect, test } from 'vitest';
import type { Picture } from '../../faults/picture.js';
import { compareWithModel } from '../../faults/schedules/compare.js';
import { minimize } from '../../faults/schedules/minimize.js';
import { Model } from '../../faults/schedules/model.js';
import { makesSense, partsOf, withParts, type Part } from '../../faults/schedules/parts.js';
import { planOf, wordsOfSchedule } from '../../faults/schedules/plan.js';
import { reportOf } from '../../faults/schedules/report.js';
import { kindAndCall } from '../../faults/schedules/troubles.js';

const seeds = Array.from({ length: 300 }, (_, at) => at + 1);

test('a seed is one schedule, and another seed another one', () => {
  expect(planOf(7)).toEqual(planOf(7));
  expect(wordsOfSchedule(planOf(7))).not.toEqual(wordsOfSchedule(planOf(8)));
  expect(new Set(seeds.map((seed) => JSON.stringify(planOf(seed).steps))).size).toBe(seeds.length);
});

test('a seed stays the same schedule', () => {
  expect(wordsOfSchedule(planOf(1)).slice(0, 3)).toMatchInlineSnapshot(`
    [
      "Schedule 1, in a lane with service instances",
      "  1. create NFS share b of 1 GiB, and at the same time create CIFS share c of 1 GiB",
      "  2. create CIFS share a of 2 GiB, and at the same time create NFS share d of 2 GiB",
    ]
  `);
});

test('schedules are short, make sense, and have only faults that no operation may fail of', () => {
  for (const schedule of seeds.map(planOf)) {
    expect(schedule.steps.length).toBeGreaterThanOrEqual(5);
    expect(schedule.steps.length).toBeLessThanOrEqual(9);
    expect(makesSense(schedule)).toBe(true);
    for (const { operations, troubles } of schedule.steps) {
      expect([1, 2]).toContain(operations.length);
      expect(troubles.length).toBeLessThanOrEqual(2);
      for (const { kind, call } of troubles.map(kindAndCall)) {
        expect(kind.mayFail ?? false).toBe(false);
        expect(kind.suits(call)).toBe(true);
      }
    }
  }
});

test('all operations, and some that are refused, are in a few hundred schedules', () => {
  const operations = seeds.flatMap((seed) => planOf(seed).steps.flatMap((step) => step.operations));
  expect(new Set(operations.map(({ does }) => does)).size).toBe(16);
  const words = seeds.flatMap((seed) => wordsOfSchedule(planOf(seed))).join('\n');
  for (const refusal of ['ShareHasSnapshots', 'InvalidInput', 'RuleExists', 'InstanceInUse']) {
    expect(words).toContain(`(refused: ${refusal})`);
  }
});

test('a model knows what is refused, and how large a share is after each change', () => {
  const model = new Model(false);
  expect(model.refusal({ does: 'extend', share: 'a', sizeGib: 2 })).toBe('ShareNotFound');
  expect(model.refusal({ does: 'reboot instance', of: 1 })).toBe('InstanceNotFound');
  model.apply({ does: 'create', share: 'a', protocol: 'CIFS', sizeGib: 1 });
  model.apply({ does: 'extend', share: 'a', sizeGib: 3 });
  expect(model.refusal({ does: 'extend', share: 'a', sizeGib: 3 })).toBe('InvalidInput');
  model.apply({ does: 'shrink', share: 'a', sizeGib: 2 });
  model.apply({ does: 'take snapshot', share: 'a', snapshot: 's' });
  expect(model.refusal({ does: 'delete', share: 'a' })).toBe('ShareHasSnapshots');
  expect(model.refusal({ does: 'delete instance', of: 1 })).toBe('InstanceInUse');
  expect(model.refusal({ does: 'delete instance', of: 2 })).toBe('InstanceNotFound');
  model.apply({ does: 'copy', share: 'b', protocol: 'CIFS', origin: 'a', snapshot: 's' });
  expect(model.shares.get('b')).toMatchObject({ sizeGib: 2, volumeGib: 3 });
  expect(model.sharesIn(2)).toEqual(['b']);
  const readOnly = { share: 'a', rule: 'r', to: '10.0.0.1', level: 'ro' } as const;
  expect(model.refusal({ does: 'allow', ...readOnly })).toBe('InvalidInput');
});

const lane = { instance: 'i1', second: { shareNetwork: 'n2', instance: 'i2' } };
const nothing: Picture = { holdings: {}, guests: [], shares: [], instances: [] };

test('what a model has and a lane has not is lost; what only the lane has is left', () => {
  const model = new Model(true);
  const lost = compareWithModel({ model, name: 's1', lane }, nothing);
  expect(lost.map(({ outcome }) => outcome)).toEqual(['lost', 'lost', 'lost', 'lost']);
  const volume = { id: 'v', status: 'in-use', sizeGib: 1, metadata: { 'hawser:share_id': 's1-a' } };
  const attachment = { id: 'at', volumeId: 'v', status: 'attached' };
  const guest = {
    serverId: 's',
    lines: ['etc/exports.d/x: /shares/share-s1-b 10.0.0.1(rw)'],
    mounts: [],
    nfs: [],
    registry: '',
  };
  const holdings = { volumes: [volume, volume], attachments: [attachment] };
  const found = compareWithModel(
    { model: new Model(false), name: 's1', lane },
    { ...nothing, holdings, guests: [guest] },
  );
  expect(found.map(({ text }) => text)).toEqual([
    'left: volume of s1-a: 1 GiB, in-use',
    'left: volume of s1-a: 1 GiB, in-use',
    'left: attachment of s1-a: attached',
    'left on the instance: etc/exports.d/x: /shares/share-s1-b 10.0.0.1(rw)',
  ]);
});

test('the smallest part of a list that fails is found', async () => {
  const items = Array.from({ length: 40 }, (_, at) => at);
  for (const culprits of [[17], [3, 4], [0, 21, 39], []]) {
    const least = await minimize(items, async (candidates) =>
      candidates.find((kept) => culprits.every((one) => kept.includes(one))),
    );
    expect(least).toEqual(culprits);
  }
});

test('a schedule shrinks to the operations and faults without which it does not fail', async () => {
  const schedule = planOf(seeds.find(failsIn) ?? 0);
  expect(partsOf(schedule).length).toBeGreaterThan(6);
  const least = await minimize<Part>(partsOf(schedule), async (candidates) =>
    candidates.find((parts) => fails(withParts(schedule, parts))),
  );
  const { steps } = withParts(schedule, least);
  expect(steps.map(({ operations }) => operations.map(({ does }) => does))).toEqual([
    ['create'],
    ['extend'],
  ]);
  expect(steps.map(({ troubles }) => troubles.length)).toEqual([0, 1]);
});

/** As a bug would that loses a share that is extended while something goes wrong. */
function fails({ steps }: Pick<ReturnType<typeof planOf>, 'steps'>): boolean {
  const model = new Model(true);
  return steps.some(({ operations, troubles }) =>
    operations.some((operation) => {
      if (model.refusal(operation) !== undefined) return false;
      model.apply(operation);
      return operation.does === 'extend' && troubles.length > 0;
    }),
  );
}

const failsIn = (seed: number): boolean => fails(planOf(seed));

test('what makes no sense is told: something is created that is there', () => {
  const create = { does: 'create', share: 'a', protocol: 'NFS', sizeGib: 1 } as const;
  const step = { twice: false, troubles: [] };
  const plan = (...operations: (typeof create | { does: 'delete'; share: string })[]) => ({
    seed: 1,
    begins: 'bare' as const,
    steps: operations.map((operation) => ({ ...step, operations: [operation] })),
  });
  expect(makesSense(plan(create, { does: 'delete', share: 'a' }, create))).toBe(true);
  expect(makesSense(plan(create, create))).toBe(false);
});

test('a report counts schedules, operations and faults, and tells how to run again what failed', () => {
  const verdict = { struck: ['500', 'crash-after'], findings: [], steps: 7, operations: 9, ms: 1 };
  const report = reportOf(
    [
      { ...verdict, seed: 3, outcome: 'passed' },
      { ...verdict, seed: 4, outcome: 'duplicated', struck: ['500'], findings: ['x'] },
    ],
    {
      startedAt: Date.now(),
      seeds: { from: 3, to: 4 },
      planned: 3,
      kills: 1,
      replayed: 20,
      secrets: [],
    },
  );
  expect(report).toMatchObject({
    schedules: 2,
    passed: 1,
    duplicated: 1,
    operations: 18,
    faults: { 500: 2, 'crash-after': 1 },
    kills: 1,
    failed: [{ seed: 4, outcome: 'duplicated', rerun: 'npm run schedules -- --only 4' }],
  });
});
