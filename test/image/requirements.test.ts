import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type ssh2 from 'ssh2';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createHosts } from '../../devcloud/hosts/create-hosts.js';
import type { Hosts } from '../../devcloud/hosts/hosts.js';
import {
  login,
  newFolder,
  output,
  port,
  server,
  silent,
  subnet,
} from '../devcloud/host-session.js';

interface Check {
  name: string;
  ok: boolean;
  detail: string;
  fix: string;
}

const requirements = readFileSync(new URL('../../image/requirements.sh', import.meta.url), 'utf8');
const onePort = port('a', '10.0.0.5');

let folder: string;
let hosts: Hosts;
let client: ssh2.Client;

/** What the script finds wrong after a host was prepared for it. */
async function failedChecks({ preparation = ':', script = requirements } = {}): Promise<Check[]> {
  const report = await output(client, `${preparation}\n${script}`);
  const { checks }: { checks: Check[] } = JSON.parse(report);
  expect(checks.length).toBeGreaterThan(25);
  return checks.filter(({ ok }) => !ok);
}

beforeEach(async () => {
  folder = await newFolder();
  hosts = createHosts({ kind: 'simulated', stateDir: folder, log: silent });
  await hosts.start();
  await hosts.applyNetworks({
    networks: [{ id: 'net-a', mtu: 1500 }],
    subnets: [subnet('a', '10.0.0.0/24')],
    ports: [onePort],
    routers: [],
  });
  await hosts.startServer(server('one', onePort));
  client = await login(hosts, onePort);
});

afterEach(async () => {
  client.end();
  await hosts.destroy();
  await rm(folder, { recursive: true, force: true });
});

it('A complete host meets all requirements, and the check changes nothing', async () => {
  const files = 'cd $r && find . -type f -exec md5sum {} + | sort';
  const before = await output(client, files);
  expect(await failedChecks()).toEqual([]);
  expect(await output(client, files)).toBe(before);
});

it('Each thing that is missing is named with what to do about it', async () => {
  const failed = await failedChecks({ preparation: 'rm -r $r/etc/exports.d' });
  expect(failed).toEqual([
    expect.objectContaining({
      name: 'path /etc/exports.d',
      fix: expect.stringContaining('make it'),
    }),
  ]);
});

it('A service that does not run is told once it had its time to start', async () => {
  const failed = await failedChecks({
    preparation: 'systemctl stop nfs-server smbd',
    script: requirements.replace(/^patience=\d+$/m, 'patience=1'),
  });
  expect(failed.map(({ name }) => name)).toEqual([
    'nfsd is registered',
    'mountd is registered',
    'smbd runs',
  ]);
  expect(failed.map(({ fix }) => fix)).toEqual([
    'systemctl enable --now nfs-server',
    'systemctl enable --now nfs-server',
    'systemctl enable --now smbd',
  ]);
});
