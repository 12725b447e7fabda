import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { generateHostKey } from '../../ssh/host-key.js';
import { ConfigError, loadConfig } from '../../worker/config.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hawser-config-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

type Options = Record<string, unknown>;

const always = {
  service_instance_user: 'manila',
  path_to_private_key: 'k',
  path_to_public_key: 'k.pub',
};

function load(own: Options, defaults: Options = {}) {
  const file = join(directory, 'hawser.yaml');
  writeFileSync(file, stringify({ defaults: { ...always, ...defaults }, backends: { nas: own } }));
  return loadConfig(file)[0];
}

function problemsOf(own: Options, defaults: Options = {}): string[] {
  try {
    load(own, defaults);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const server = {
  service_instance_name_or_id: 'nas-1',
  service_net_name_or_ip: 'storage',
  tenant_net_name_or_ip: '2001:db8::5',
};

test('share servers are handled unless the configuration says otherwise', () => {
  expect(load({})).toMatchObject({ driver_handles_share_servers: true });
  const service_instance_host_key = `${generateHostKey().publicKey} root@nas-1`;
  const one = { driver_handles_share_servers: false, ...server, service_instance_host_key };
  expect(load(one)).toMatchObject(one);
});

test('all that one server for all needs is asked for at once, with other mistakes', () => {
  const problems = problemsOf({
    driver_handles_share_servers: false,
    service_instance_host_key: 'not a key',
    volume_name_template: 'no-place-for-an-id',
  });
  expect(problems.map((problem) => problem.replace(/:.*/s, '')).sort()).toEqual([
    'backends.nas.service_instance_host_key',
    'backends.nas.service_instance_name_or_id',
    'backends.nas.service_net_name_or_ip',
    'backends.nas.tenant_net_name_or_ip',
    'backends.nas.volume_name_template',
  ]);
});

test('a server named where share servers are handled is a mistake, unless for other backends too', () => {
  expect(problemsOf({ service_instance_name_or_id: 'nas-1' })).toEqual([
    expect.stringMatching(/^backends\.nas\.service_instance_name_or_id: .*: false$/),
  ]);
  expect(problemsOf({}, server)).toEqual([]);
  expect(problemsOf({ driver_handles_share_servers: false }, server)).toEqual([]);
});
