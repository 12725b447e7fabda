/** A service instance that answers each script with anything: a step has a value or a failure with a type. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import { Client, Connection } from '@temporalio/client';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend } from '../../activities/backend.js';
import { failureTypes } from '../../activities/failures.js';
import { createActivities } from '../../activities/index.js';
import { createSshServer } from '../../devcloud/hosts/commands/ssh-server.js';
import { generateHostKey } from '../../ssh/host-key.js';
import { SshPool } from '../../ssh/pool.js';
import { checkConfig, parseConfig } from '../../worker/config.js';
import { benchOf, failureOf, type Bench } from '../support/activities.js';
import { hostileText } from './inputs.js';
import { holds, patience } from './properties.js';

const guest = generateHostKey();
const login = generateHostKey();
let answer = { text: '', exitCode: 0 };
let server: Server;
let pool: SshPool;
let bench: Bench;
const connection = Connection.lazy({ address: '127.0.0.1:1' });
const host = {
  backend: 'b',
  instanceId: 'i',
  serverId: 's',
  address: '127.0.0.1',
  hostKey: guest.publicKey,
};

beforeAll(async () => {
  const ssh = createSshServer({
    hostKey: guest.privateKey,
    authorizedKeys: [login.publicKey],
    run: (_command, channel) => {
      channel.resume();
      channel.write(answer.text);
      channel.exit(answer.exitCode);
      channel.end();
    },
  });
  server = createServer((socket) => ssh.injectSocket(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  pool = new SshPool({ user: 'manila', privateKey: login.privateKey });
  const { configs } = checkConfig(
    parseConfig(
      'hawser.yaml',
      'backends: {b: {service_instance_user: manila, path_to_private_key: k, path_to_public_key: k}}',
    ),
  );
  const [options] = configs;
  const { port } = server.address() as AddressInfo;
  // Its only part that these steps reach is the real pool, told of a port that no step knows.
  const run: SshPool['run'] = async (at, ...rest) => pool.run({ ...at, port }, ...rest);
  const backend = {
    name: 'b',
    options,
    publicKey: login.publicKey,
    ssh: { run },
  } as unknown as Backend;
  bench = benchOf(
    backend,
    createActivities(
      Object.assign(() => backend, { names: ['b'] }),
      new Client({ connection }),
    ),
  );
});
afterAll(async () => {
  pool?.close();
  server?.close();
  await connection.close();
});

const share = { host, shareId: 'a', volumeId: 'v', sizeGib: 1, location: null, hold: 'h' };
const rules = [{ to: '10.0.0.5', level: 'rw' as const }];

const existing = {
  path: '/srv/a',
  device: '/dev/vdb',
  type: 'ext4',
  uuid: 'u',
  sizeBytes: 1,
  serial: null,
  exports: [],
  section: '[a]\n\tpath = /srv/a',
  fstab: [],
  elsewhere: [],
  entries: [],
};

const steps: Record<string, (one: Bench['steps']) => Promise<unknown>> = {
  measureShare: (one) => one.measureShare(share),
  measureUsage: (one) => one.measureUsage(share),
  resizeFileSystem: (one) => one.resizeFileSystem(share),
  renewFileSystem: (one) => one.renewFileSystem(share),
  thawFileSystem: (one) => one.thawFileSystem(share),
  mountShare: (one) => one.mountShare(share),
  formatAndMount: (one) => one.formatAndMount(share),
  mountAndExport: (one) => one.mountAndExport({ ...share, protocol: 'NFS', rules }),
  mountAndExportByCifs: (one) => one.mountAndExport({ ...share, protocol: 'CIFS', rules }),
  unexportAndUnmount: (one) => one.unexportAndUnmount({ ...share, protocol: 'NFS' }),
  inspectShare: (one) => one.inspectShare({ ...share, protocol: 'NFS', rules }),
  inspectCifsShare: (one) => one.inspectShare({ ...share, protocol: 'CIFS', rules }),
  inspectExistingShare: (one) =>
    one.inspectExistingShare({ host, protocol: 'NFS', where: '/srv/a' }),
  inspectExistingCifsShare: (one) =>
    one.inspectExistingShare({ host, protocol: 'CIFS', where: 'a' }),
  takeOverShare: (one) => one.takeOverShare({ host, shareId: 'a', existing, rules }),
  giveBackShare: (one) => one.giveBackShare({ host, shareId: 'a', existing }),
  applyNfsExports: (one) => one.applyNfsExports({ ...share, rules }),
  applyCifsShare: (one) => one.applyCifsShare({ ...share, rules }),
  applyCifsUsers: (one) =>
    one.applyCifsShare({ ...share, accessBy: 'user', rules: [{ to: 'alice', level: 'ro' }] }),
  readBootId: (one) => one.readBootId({ host }),
  reportImageRequirements: (one) => one.reportImageRequirements({ host }),
  checkImageRequirements: (one) => one.checkImageRequirements({ host }),
  waitForAddresses: (one) => one.waitForAddresses({ host, addresses: ['10.0.0.9'] }),
};

const line = fc.oneof(
  hostileText,
  fc
    .tuple(
      fc.constantFrom(
        'path',
        'source',
        'uuid',
        'size',
        'serial',
        'export',
        'section',
        'fstab',
        'entry /etc/exports',
        'device',
        'samba path =',
        'kernel',
        'ready',
        'small',
        'a',
      ),
      fc.constantFrom('\t', ' ', ''),
      fc.oneof(
        hostileText,
        hostileText.map((one) => Buffer.from(one).toString('base64')),
        fc.constantFrom('1', '-1', '1e999', '9'.repeat(400), 'NaN', '0x10', '1 2 3', '1 2', '/='),
      ),
    )
    .map((parts) => parts.join('')),
  fc.json(),
);

const lines = fc.array(line, { maxLength: 6 }).map((some) => some.join('\n'));

const output = fc.oneof(
  { weight: 9, arbitrary: lines },
  // Of two scripts, or of what takes itself for that.
  { weight: 3, arbitrary: fc.array(lines, { maxLength: 3 }).map((some) => some.join('\0')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      '\n',
      'x'.repeat(1_000_000),
      '\n'.repeat(10_000),
      'path\t/a\nsource\tb\nsize\t1\n' + 'export\tx(rw)\n'.repeat(50_000),
    ),
  },
);

describe('what a guest says', { timeout: patience }, () => {
  test('is understood or refused', async () => {
    const input = fc.tuple(
      fc.constantFrom(...Object.keys(steps)),
      output,
      fc.constantFrom(0, 0, 0, 1, 65, 69, 75, 255),
    );
    await holds('answers of guests', input, async ([name, text, exitCode]) => {
      answer = { text, exitCode };
      const outcome: unknown = await steps[name]?.(bench.steps).catch((error: unknown) => {
        expect(error, String(error)).toBeInstanceOf(ApplicationFailure);
        const { type, message } = error as ApplicationFailure;
        expect(Object.keys(failureTypes)).toContain(type);
        expect(message.length).toBeLessThan(10_000);
        return null;
      });
      const json = JSON.stringify(outcome ?? null);
      expect(JSON.parse(json)).toEqual(outcome ?? null);
      // What Temporal takes for one result.
      expect(json.length).toBeLessThan(2_000_000);
    });
  });

  test.each([
    ['no numbers', 'measureShare', 'a b c'],
    ['too few numbers', 'measureUsage', 'a 1 2'],
    ['no number of bytes', 'resizeFileSystem', '\n'],
    ['no size', 'inspectExistingShare', 'path\t/a\nsource\t/dev/vdb\n'],
    ['no report', 'reportImageRequirements', '{"checks": null}'],
    ['no JSON', 'checkImageRequirements', ''],
    ['no id of a boot', 'readBootId', 'x'.repeat(1000)],
  ])('is a CommandFailed with %s', async (_what, name, text) => {
    answer = { text, exitCode: 0 };
    const failure = await failureOf(steps[name]?.(bench.steps) ?? Promise.resolve());
    expect(failure).toMatchObject({ type: 'CommandFailed', nonRetryable: false });
    expect(failure.message.length).toBeLessThan(500);
  });
});
