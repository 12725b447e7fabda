import { randomUUID } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import type { Backend } from '../../activities/backend.js';
import { HawserClient, type ShareView } from '../../client/index.js';
import { giveUpUpdate } from '../../workflows/messages.js';
import {
  newShareView,
  commonInstanceId,
  shareWorkflowId,
  taskQueue,
} from '../../workflows/model.js';
import type { share } from '../../workflows/share.js';
import { createRig, type Rig, type Steps } from '../support/workflows.js';

const common = { driver_handles_share_servers: false };

async function withBackend(
  steps: Steps,
  story: (rig: Rig, client: HawserClient) => Promise<void>,
  options: Partial<Backend['options']> = common,
): Promise<Rig> {
  const rig = await createRig(steps, options);
  await rig.run(() => story(rig, new HawserClient(rig.client)));
  return rig;
}

const specFor = ({ backend }: Rig) =>
  ({
    id: randomUUID(),
    protocol: 'NFS',
    exportLocation: '10.254.0.5:/srv/old',
    backend,
  }) as const;

const fails = async (): Promise<never> => {
  throw ApplicationFailure.nonRetryable('no luck', 'CommandFailed');
};

const undos = ['giveBackShare', 'restoreVolume'];
const touching = [
  'deleteVolume',
  'detachVolume',
  'unexportAndUnmount',
  'unmountShare',
  'removeCifsShare',
  'formatAndMount',
];

const sharesOn = async (client: HawserClient, { backend }: Rig) =>
  (await client.getInstance(commonInstanceId(backend))).shares;

test('what is exported becomes a share with its rules, and a repeat is the same share', async () => {
  const { calls } = await withBackend({}, async (rig, client) => {
    const spec = specFor(rig);
    expect(await client.manageShare(spec)).toMatchObject({ id: spec.id });
    const view = await client.waitForShare(spec.id);
    expect(view).toMatchObject({
      status: 'available',
      sizeGib: 3,
      volumeSizeGib: 3,
      volumeId: 'vol1',
      shareNetwork: null,
      serviceInstance: commonInstanceId(rig.backend),
      accessRules: [
        { to: '10.0.0.5', level: 'rw', state: 'active' },
        { to: '10.0.1.0/24', level: 'ro', state: 'active' },
      ],
      notes: [
        expect.stringContaining('root_squash'),
        expect.stringContaining('10.254.0.5:/srv/old'),
      ],
      error: null,
    });
    expect(new Set(view.accessRules.map(({ id }) => id)).size).toBe(2);
    expect(await client.manageShare(spec)).toEqual(view);
    expect(await sharesOn(client, rig)).toEqual([spec.id]);
    await client.denyAccess(spec.id, view.accessRules[0]?.id ?? '');
    expect((await client.getShare(spec.id)).accessRules).toHaveLength(1);
  });
  expect(calls.filter((name) => name === 'takeOverShare')).toHaveLength(1);
  expect(calls.filter((name) => [...undos, ...touching].includes(name))).toEqual([]);
});

test('a share of Samba’s whose clients log in becomes one with rules for users', async () => {
  const section = [
    '[Old]',
    '\tpath = /srv/old',
    '\tread only = yes',
    '\tvalid users = alice bob',
    '\twrite list = alice',
  ].join('\n');
  const written: unknown[] = [];
  await withBackend(
    {
      inspectExistingShare: async () => ({
        path: '/srv/old',
        device: '/dev/vdb',
        type: 'ext4',
        uuid: 'u1',
        sizeBytes: 900_000_000,
        serial: 'vol1',
        exports: [],
        section,
        fstab: [],
        elsewhere: [],
        entries: [],
      }),
      applyCifsShare: async ({ accessBy, rules }) => {
        written.push({ accessBy, rules: rules.map(({ to, level }) => `${to} ${level}`) });
        return [];
      },
    },
    async (rig, client) => {
      const spec = {
        ...specFor(rig),
        protocol: 'CIFS',
        exportLocation: '\\\\10.254.0.5\\Old',
      } as const;
      await client.manageShare(spec);
      expect(await client.waitForShare(spec.id)).toMatchObject({
        accessBy: 'user',
        accessRules: [
          { type: 'user', to: 'alice', level: 'rw', state: 'active' },
          { type: 'user', to: 'bob', level: 'ro', state: 'active' },
        ],
      });
      await client.denyAccess(spec.id, 'bob');
    },
  );
  expect(written).toEqual([
    { accessBy: 'user', rules: ['alice rw', 'bob ro'] },
    { accessBy: 'user', rules: ['alice rw'] },
  ]);
});

test.each([
  ['where no volume is', null],
  ['that was shrunk before', { volumeId: 'vol1', name: 'old', sizeGib: 5, metadata: {} }],
])('the size is that of the file system %s', async (_what, volume) => {
  const { calls } = await withBackend(
    { findExistingVolume: async () => volume },
    async (rig, client) => {
      const spec = specFor(rig);
      await client.manageShare(spec);
      expect(await client.waitForShare(spec.id)).toMatchObject({
        sizeGib: 3,
        volumeSizeGib: volume?.sizeGib ?? null,
        volumeId: volume?.volumeId ?? null,
        notes: expect.arrayContaining(
          volume ? [] : [expect.stringContaining('cannot be resized')],
        ) as string[],
      });
    },
  );
  expect(calls.includes('claimVolume')).toBe(volume !== null);
});

test.each([
  ['inspectExistingShare', []],
  ['findExistingVolume', []],
  ['takeOverShare', ['giveBackShare', 'restoreVolume']],
  ['claimVolume', ['giveBackShare', 'restoreVolume']],
  ['applyNfsExports', ['giveBackShare', 'restoreVolume']],
] as const)(
  'a failure at %s leaves everything as it was, and is tried again',
  async (step, undone) => {
    let failing = true;
    const { calls } = await withBackend(
      {
        [step]: async () => {
          if (failing) await fails();
          return step === 'inspectExistingShare'
            ? {
                path: '/srv/old',
                type: 'ext4',
                sizeBytes: 2 ** 30,
                section: null,
                exports: [],
                fstab: [],
                elsewhere: [],
                entries: [],
              }
            : step === 'findExistingVolume'
              ? null
              : [];
        },
      },
      async (rig, client) => {
        const spec = specFor(rig);
        await client.manageShare(spec);
        await expect(client.waitForShare(spec.id)).rejects.toMatchObject({
          type: 'CommandFailed',
          message: expect.stringContaining('manage_error') as string,
        });
        expect(rig.calls.filter((name) => undos.includes(name))).toEqual(undone);
        expect(await sharesOn(client, rig)).toEqual([]);
        failing = false;
        await client.manageShare(spec);
        expect(await client.waitForShare(spec.id)).toMatchObject({
          status: 'available',
          error: null,
        });
        expect(await sharesOn(client, rig)).toEqual([spec.id]);
      },
    );
    expect(calls.filter((name) => touching.includes(name))).toEqual([]);
  },
);

test.each([
  ['exports to many', Array.from({ length: 3000 }, (_, at) => `10.0.${at >> 8}.${at & 255}(rw)`)],
  ['long names in exports', Array.from({ length: 300 }, () => `${'x'.repeat(2000)}(rw)`)],
])('%s are refused in words that fit in a failure', async (_what, exports) => {
  const disk = { device: '/dev/vdb', type: 'ext4', uuid: 'u', sizeBytes: 1, serial: null };
  const found = { path: '/srv/old', section: null, exports, fstab: [], elsewhere: [], entries: [] };
  await withBackend(
    { inspectExistingShare: async () => ({ ...disk, ...found }) },
    async (rig, client) => {
      const spec = specFor(rig);
      await client.manageShare(spec);
      await expect(client.waitForShare(spec.id)).rejects.toMatchObject({
        type: 'ManageInvalidShare',
        message: expect.stringMatching(/lets in 3000 clients|280 more/) as string,
      });
      const { error } = await client.getShare(spec.id);
      expect(error?.message.length).toBeLessThan(10_000);
    },
  );
});

test('one that could not be managed is deleted by forgetting it', async () => {
  const { calls } = await withBackend({ claimVolume: fails }, async (rig, client) => {
    const spec = specFor(rig);
    await client.manageShare(spec);
    await client.waitForShare(spec.id).catch(() => undefined);
    await client.deleteShare(spec.id);
    await client.waitUntilDeleted(spec.id);
  });
  expect(calls.slice(-2)).toEqual(['giveBackShare', 'restoreVolume']);
});

const deleteIt = async (client: HawserClient, id: string) => {
  await client.deleteShare(id);
  await client.waitUntilDeleted(id);
};
const unmanageIt = async (client: HawserClient, id: string) => {
  await client.unmanageShare(id);
  await client.waitUntilUnmanaged(id);
};

test.each([
  ['deleting', 'error_deleting', deleteIt],
  ['unmanaging', 'unmanage_error', unmanageIt],
])(
  'what could not be undone is remembered: %s puts it back, and the place is kept until then',
  async (_, failed, letGo) => {
    let stuck = true;
    const givenBack: unknown[] = [];
    const { calls } = await withBackend(
      {
        claimVolume: fails,
        giveBackShare: async ({ existing }) => {
          if (stuck) await fails();
          givenBack.push(existing.path);
        },
        restoreVolume: async ({ volume }) => {
          givenBack.push(volume.name);
        },
      },
      async (rig, client) => {
        const spec = specFor(rig);
        await client.manageShare(spec);
        await expect(client.waitForShare(spec.id)).rejects.toMatchObject({
          type: 'UndoIncomplete',
        });
        expect(await sharesOn(client, rig)).toEqual([spec.id]);
        await expect(letGo(client, spec.id)).rejects.toThrow(failed);
        expect(await sharesOn(client, rig)).toEqual([spec.id]);
        stuck = false;
        await letGo(client, spec.id);
        expect(await sharesOn(client, rig)).toEqual([]);
      },
    );
    expect(givenBack).toEqual(['/srv/old', 'old']);
    expect(calls.slice(-2)).toEqual(['giveBackShare', 'restoreVolume']);
    expect(calls.filter((name) => touching.includes(name))).toEqual([]);
  },
);

/** Whatever its status: an end that is over already has an answer too. */
const ended = async (rig: Rig, id: string) =>
  rig.client.workflow.getHandle<typeof share>(shareWorkflowId(id)).result();

test.each([
  ['deleting', deleteIt],
  ['unmanaging', unmanageIt],
])(
  'one that is half taken over and given up after %s failed ends as just that',
  async (_, letGo) => {
    await withBackend({ claimVolume: fails, giveBackShare: fails }, async (rig, client) => {
      const spec = specFor(rig);
      await client.manageShare(spec);
      await client.waitForShare(spec.id).catch(() => undefined);
      await letGo(client, spec.id).catch(() => undefined);
      await client.giveUp({ shareId: spec.id });
      expect(await ended(rig, spec.id)).toMatchObject({
        status: 'manage_error',
        error: { type: 'GivenUp' },
      });
      expect(await sharesOn(client, rig)).toEqual([]);
    });
  },
);

test('one that is given up is not taken over by a request behind that, and a second giving up is refused', async () => {
  let isBusy = false;
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const { calls } = await withBackend(
    {
      claimVolume: fails,
      giveBackShare: async () => {
        if (isBusy) await gate;
        await fails();
      },
    },
    async (rig, client) => {
      const spec = specFor(rig);
      await client.manageShare(spec);
      await client.waitForShare(spec.id).catch(() => undefined);
      isBusy = true;
      rig.calls.length = 0;
      const retried = client.retry({ shareId: spec.id }).catch(() => undefined);
      await expect.poll(() => rig.calls).toContain('giveBackShare');
      const handle = rig.client.workflow.getHandle<typeof share>(shareWorkflowId(spec.id));
      const giveUp = async () =>
        handle.startUpdate(giveUpUpdate, { args: [{}], waitForStage: 'ACCEPTED' });
      const first = await giveUp();
      const second = await giveUp();
      await client.manageShare(spec);
      open();
      await retried;
      await first.result();
      await expect(second.result()).rejects.toMatchObject({ cause: { type: 'NothingToRetry' } });
      expect(await ended(rig, spec.id)).toMatchObject({ status: 'manage_error' });
      expect(await sharesOn(client, rig)).toEqual([]);
    },
  );
  expect(calls).not.toContain('inspectExistingShare');
});

test('what could not be undone is put back before it is taken over once more', async () => {
  let stuck = true;
  const { calls } = await withBackend(
    {
      claimVolume: async () => {
        if (stuck) await fails();
      },
      restoreVolume: async () => {
        if (stuck) await fails();
      },
    },
    async (rig, client) => {
      const spec = specFor(rig);
      await client.manageShare(spec);
      await client.waitForShare(spec.id).catch(() => undefined);
      stuck = false;
      rig.calls.length = 0;
      await client.manageShare(spec);
      await client.waitForShare(spec.id);
      await deleteIt(client, spec.id);
    },
  );
  const told = ['giveBackShare', 'restoreVolume', 'inspectExistingShare', 'deleteVolume'];
  expect(calls.filter((name) => told.includes(name))).toEqual(told);
});

test('a take-over that was ended from outside is put back by deleting it', async () => {
  let open = () => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const { calls } = await withBackend({ claimVolume: () => gate }, async (rig, client) => {
    const spec = specFor(rig);
    await client.manageShare(spec);
    await expect.poll(() => rig.calls).toContain('claimVolume');
    const { operation } = await client.getShare(spec.id);
    await rig.client.workflow.getHandle(operation?.workflowId ?? '').terminate();
    await client.waitForShare(spec.id).catch(() => undefined);
    open();
    await deleteIt(client, spec.id);
    expect(await sharesOn(client, rig)).toEqual([]);
  });
  expect(calls.slice(-2)).toEqual(['giveBackShare', 'restoreVolume']);
});

test.each([
  [{ type: 'xfs' }, /file system is xfs/],
  [{ path: '/srv/my old' }, /its path is/],
  [
    { fstab: ['UUID=u1 /srv/old ext4 defaults,nofail,x-hawser.share=mine 0 2'] },
    /share mine already/,
  ],
  [{ exports: ['@hosts(rw)'] }, /@hosts/],
  [
    { entries: [{ file: '/etc/exports', text: '/srv/old 10.0.0.5(rw)' }] },
    /written down in \/etc\/exports, and exported to nobody/,
  ],
  [
    { elsewhere: ['by CIFS as old (/srv/old)', 'by CIFS as sub (/srv/old/sub)'] },
    /by CIFS as old .*by CIFS as sub /,
  ],
])('%j cannot become a share, and nothing is touched', async (found, reason) => {
  const base = { path: '/srv/old', device: '/dev/vdb', uuid: 'u1', sizeBytes: 1, serial: 's' };
  const lists = { exports: [], section: null, fstab: [], elsewhere: [], entries: [] };
  const { calls } = await withBackend(
    { inspectExistingShare: async () => ({ ...base, type: 'ext4', ...lists, ...found }) },
    async (rig, client) => {
      const spec = specFor(rig);
      await client.manageShare(spec);
      await expect(client.waitForShare(spec.id)).rejects.toMatchObject({
        type: 'ManageInvalidShare',
        message: expect.stringMatching(reason) as string,
      });
    },
  );
  expect(calls.at(-1)).toBe('inspectExistingShare');
});

test('the volume of another share is refused while that share is there', async () => {
  let tags: Record<string, string> = {};
  const { calls } = await withBackend(
    {
      findExistingVolume: async () => ({
        volumeId: 'vol1',
        name: 'old',
        sizeGib: 1,
        metadata: tags,
      }),
    },
    async (rig, client) => {
      const first = specFor(rig);
      await client.manageShare(first);
      await client.waitForShare(first.id);
      tags = { 'hawser:share_id': first.id };
      const second = specFor(rig);
      await client.manageShare(second);
      await expect(client.waitForShare(second.id)).rejects.toThrow(`is that of share ${first.id}`);
      await client.unmanageShare(first.id);
      await client.waitUntilUnmanaged(first.id);
      await client.manageShare(second);
      await client.waitForShare(second.id);
    },
  );
  expect(calls.filter((name) => name === 'claimVolume')).toHaveLength(2);
});

test('of two shares that are asked for at one moment one has it, and the other leaves it alone', async () => {
  const looked = new Set<string>();
  const touched: [step: string, shareId: string][] = [];
  let owner: string | undefined;
  await withBackend(
    {
      // Neither is marked when they look at it.
      findExistingVolume: async ({ shareId }) => {
        looked.add(shareId);
        await expect.poll(() => looked.size).toBe(2);
        return { volumeId: 'vol1', name: 'old', sizeGib: 3, metadata: {} };
      },
      // The script decides under its lock.
      takeOverShare: async ({ shareId }) => {
        owner ??= shareId;
        if (owner === shareId) return;
        throw ApplicationFailure.nonRetryable(
          `/srv/old is share ${owner} already`,
          'ManageInvalidShare',
        );
      },
      claimVolume: async ({ shareId }) => {
        touched.push(['claimVolume', shareId]);
      },
      applyNfsExports: async ({ shareId }) => {
        touched.push(['applyNfsExports', shareId]);
        return [{ path: '10.254.0.5:/srv/old', adminOnly: false }];
      },
    },
    async (rig, client) => {
      const ids: string[] = [specFor(rig), specFor(rig)].map(({ id }) => id);
      await Promise.all(ids.map((id) => client.manageShare({ ...specFor(rig), id })));
      const ends = await Promise.allSettled(ids.map((id) => client.waitForShare(id)));
      const loser = ids.find((id) => id !== owner) ?? '';
      expect(ends[ids.indexOf(owner ?? '')]).toMatchObject({ status: 'fulfilled' });
      expect(ends[ids.indexOf(loser)]).toMatchObject({
        reason: {
          type: 'ManageInvalidShare',
          message: expect.stringContaining(`share ${owner} already`) as string,
        },
      });
      expect(touched).toEqual([
        ['claimVolume', owner],
        ['applyNfsExports', owner],
      ]);
      expect(await sharesOn(client, rig)).toEqual([owner]);
    },
  );
});

test('an id keeps its first meaning', async () => {
  await withBackend({ resolveShareNetwork: async () => null }, async (rig, client) => {
    const spec = specFor(rig);
    await client.manageShare(spec);
    await client.waitForShare(spec.id);
    await expect(
      client.manageShare({ ...spec, exportLocation: '10.254.0.5:/srv/other' }),
    ).rejects.toMatchObject({
      type: 'ShareExists',
      message: expect.stringContaining('exportLocation') as string,
    });
    const made = {
      id: randomUUID(),
      protocol: 'NFS',
      sizeGib: 1,
      backend: rig.backend,
    } as const;
    await client.createShare(made);
    await client.waitForShare(made.id);
    await expect(client.manageShare({ ...spec, id: made.id })).rejects.toMatchObject({
      type: 'ShareExists',
    });
    await expect(client.manageShare({ ...spec, exportLocation: '/srv/old' })).rejects.toMatchObject(
      {
        type: 'InvalidInput',
      },
    );
  });
});

test('a managed share is deleted like any other', async () => {
  const { calls } = await withBackend({}, async (rig, client) => {
    const spec = specFor(rig);
    await client.manageShare(spec);
    await client.waitForShare(spec.id);
    await client.deleteShare(spec.id);
    await client.waitUntilDeleted(spec.id);
  });
  expect(calls.slice(-3)).toEqual(['unexportAndUnmount', 'detachVolume', 'deleteVolume']);
});

/** With share servers: a share, and its instance's id. */
async function created(
  rig: Rig,
  client: HawserClient,
  { id } = { id: randomUUID() as string },
): Promise<ShareView> {
  const spec = { id, protocol: 'NFS', sizeGib: 1, backend: rig.backend } as const;
  await client.createShare({ ...spec, shareNetwork: 'net' });
  return client.waitForShare(spec.id);
}

test('an unmanaged share is forgotten, untouched, and its instance stays for it', async () => {
  const { calls } = await withBackend(
    {},
    async (rig, client) => {
      const { id, serviceInstance } = await created(rig, client);
      await client.unmanageShare(id);
      await client.waitUntilUnmanaged(id);
      await expect(client.getShare(id)).rejects.toMatchObject({ type: 'ShareNotFound' });
      const result = await rig.client.workflow.getHandle(shareWorkflowId(id)).result();
      expect(result).toMatchObject({ status: 'unmanaged' });

      const instanceId = serviceInstance ?? '';
      expect(await client.getInstance(instanceId)).toMatchObject({
        shares: [],
        unmanagedShares: [id],
      });
      await expect(client.deleteInstance(instanceId)).rejects.toMatchObject({
        name: 'Refused',
        type: 'InstanceInUse',
        message: expect.stringContaining(id) as string,
      });
      // Managed again, it is on that instance, which has to be named.
      const spec = { id, protocol: 'NFS', exportLocation: '10.254.0.5:/shares/x' } as const;
      await client.manageShare({ ...spec, backend: rig.backend });
      await expect(client.waitForShare(id)).rejects.toThrow('hawser instance list');
      await client.deleteShare(id);
      await client.waitUntilDeleted(id);
      await client.manageShare({ ...spec, backend: rig.backend, serviceInstance: instanceId });
      expect(await client.waitForShare(id)).toMatchObject({
        status: 'available',
        serviceInstance: instanceId,
        shareNetwork: 'n1/s1',
      });
    },
    {},
  );
  expect(calls.filter((name) => touching.includes(name))).toEqual(['formatAndMount']);
});

test('what a managed share has counts for those who join its instance', async () => {
  await withBackend(
    {},
    async (rig, client) => {
      const { serviceInstance } = await created(rig, client);
      const spec = { ...specFor(rig), serviceInstance: serviceInstance ?? '' };
      await client.manageShare(spec);
      expect(await client.waitForShare(spec.id)).toMatchObject({ sizeGib: 3, serviceInstance });
      expect((await created(rig, client)).serviceInstance).not.toBe(serviceInstance);
    },
    { max_share_server_size: 4 },
  );
});

test('an instance stays for an unmanaged share until that was managed again, under whatever id, and is gone', async () => {
  await withBackend(
    {},
    async (rig, client) => {
      const { id, serviceInstance } = await created(rig, client);
      await unmanageIt(client, id);
      const instanceId = serviceInstance ?? '';
      const unmanaged = async () => (await client.getInstance(instanceId)).unmanagedShares;
      const manage = async (path: string) => {
        const spec = { ...specFor(rig), exportLocation: `10.254.0.5:${path}` };
        await client.manageShare({ ...spec, serviceInstance: instanceId });
        await client.waitForShare(spec.id);
        return spec.id;
      };
      // Another one has nothing to do with it.
      await deleteIt(client, await manage('/srv/other'));
      expect(await unmanaged()).toEqual([id]);

      const second = await manage('/shares/x');
      await unmanageIt(client, second);
      expect(await unmanaged()).toEqual([second]);
      await deleteIt(client, await manage('/shares/x'));
      expect(await unmanaged()).toEqual([]);
      await client.deleteInstance(instanceId);
      await client.waitUntilInstanceDeleted(instanceId);
    },
    {},
  );
});

test('an instance stays for no share that was managed again and then given up', async () => {
  await withBackend(
    { deleteVolume: fails },
    async (rig, client) => {
      const { id, serviceInstance } = await created(rig, client);
      await unmanageIt(client, id);
      const instanceId = serviceInstance ?? '';
      const spec = { ...specFor(rig), exportLocation: '10.254.0.5:/shares/x' };
      await client.manageShare({ ...spec, serviceInstance: instanceId });
      await client.waitForShare(spec.id);
      await deleteIt(client, spec.id).catch(() => undefined);
      await client.giveUp({ shareId: spec.id });
      expect(await client.getInstance(instanceId)).toMatchObject({
        shares: [],
        unmanagedShares: [],
      });
    },
    {},
  );
});

test('a share that is created under the id of an unmanaged one leaves that alone', async () => {
  const { calls } = await withBackend(
    {},
    async (rig, client) => {
      const { id } = await created(rig, client);
      await client.unmanageShare(id);
      await client.waitUntilUnmanaged(id);
      await expect(created(rig, client, { id })).rejects.toThrow(/was unmanaged.*manage it again/s);
    },
    {},
  );
  const closing = ['unmountShare', 'unexportAndUnmount'];
  expect(calls.filter((name) => closing.includes(name))).toEqual([]);
});

test('what is accepted while a share is ensured is not overtaken, and a delete behind it is refused', async () => {
  let open = () => {};
  let gate: Promise<void> | undefined;
  await withBackend(
    {
      inspectShare: async () => {
        await gate;
        throw ApplicationFailure.nonRetryable('no volume', 'VolumeFailed');
      },
      releaseShare: async () => {},
    },
    async (rig, client) => {
      const { id } = await created(rig, client);
      gate = new Promise((resolve) => (open = resolve));
      const ensured = client.ensureShare(id).catch((error: unknown) => String(error));
      await expect
        .poll(async () => (await client.getShare(id)).operation?.type)
        .toBe('ensureShare');
      await client.unmanageShare(id);
      await expect(client.deleteShare(id)).rejects.toMatchObject({ type: 'ShareBusy' });
      open();
      expect(await ensured).toContain('no volume');
      await client.waitUntilUnmanaged(id);
    },
    {},
  );
});

test('a share on an instance that died can be let go of, for its data are still there', async () => {
  await withBackend(
    {
      inspectShare: async () => {
        throw ApplicationFailure.nonRetryable('no such server', 'VolumeFailed');
      },
    },
    async (rig, client) => {
      const { id } = await created(rig, client);
      await expect(client.ensureShare(id)).rejects.toThrow('no such server');
      expect((await client.getShare(id)).status).toBe('error');
      await client.unmanageShare(id);
      await client.waitUntilUnmanaged(id);
    },
    {},
  );
});

test('an instance with an unmanaged share is not removed when it is idle', async () => {
  const idle = {
    automatic_share_server_cleanup: true,
    unused_share_server_cleanup_interval: 1 / 60,
  };
  const { calls } = await withBackend(
    {},
    async (rig, client) => {
      const { id, serviceInstance } = await created(rig, client);
      await client.unmanageShare(id);
      await client.waitUntilUnmanaged(id);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      expect((await client.getInstance(serviceInstance ?? '')).status).toBe('active');
    },
    idle,
  );
  expect(calls).not.toContain('deleteServer');
});

test('unmanaging that failed keeps the share, and is tried again', async () => {
  let failing = true;
  await withBackend(
    {
      releaseShare: async () => {
        if (failing) await fails();
      },
    },
    async (rig, client) => {
      const { id } = await created(rig, client);
      await client.unmanageShare(id);
      await expect(client.waitUntilUnmanaged(id)).rejects.toThrow('unmanage_error');
      expect(await client.getShare(id)).toMatchObject({ status: 'unmanage_error' });
      await expect(client.deleteShare(id)).rejects.toMatchObject({ type: 'ShareBusy' });
      failing = false;
      await client.unmanageShare(id);
      await client.waitUntilUnmanaged(id);
    },
    {},
  );
});

test('a share with snapshots is not unmanaged', async () => {
  await withBackend({}, async (rig, client) => {
    const { id, protocol, backend } = specFor(rig);
    const request = { id, name: '', protocol, sizeGib: 1, shareNetwork: null, backend };
    const createdAt = new Date().toISOString();
    const snapshot = {
      id: 'monday',
      name: '',
      status: 'available',
      sizeGib: 1,
      createdAt,
    } as const;
    const snapshots = [{ ...snapshot, volumeSnapshotId: 'c1', error: null }];
    const view = { ...newShareView(request, createdAt), status: 'available', snapshots } as const;
    await rig.client.workflow.start<typeof share>('share', {
      workflowId: shareWorkflowId(id),
      taskQueue: taskQueue(backend),
      args: [
        { request, state: { view, instance: null, location: null, exists: true, operations: 0 } },
      ],
      memo: { view },
    });
    await expect(client.unmanageShare(id)).rejects.toMatchObject({
      type: 'ShareHasSnapshots',
      message: expect.stringContaining('monday') as string,
    });
  });
});

test('a share that could not be created is not unmanaged but deleted', async () => {
  await withBackend(
    { ensureVolume: fails },
    async (rig, client) => {
      const failed = await created(rig, client).catch(() => undefined);
      expect(failed).toBeUndefined();
      const [share] = await client.listShares({ backend: rig.backend });
      await expect(client.unmanageShare(share?.id ?? '')).rejects.toMatchObject({
        type: 'ShareNotAvailable',
      });
    },
    {},
  );
});
