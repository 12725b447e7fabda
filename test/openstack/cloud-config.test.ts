import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CloudConfig, loadCloudConfig } from '../../openstack/cloud-config.js';
import { CloudConfigError } from '../../openstack/errors.js';

let root: string;
let cwd: string;
let home: string;

const write = (file: string, text: string): string => {
  const whole = join(root, file);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, text);
  return whole;
};

const load = (env: Record<string, string> = {}, cloud?: string): CloudConfig =>
  loadCloudConfig({ env, cloud, cwd, home });

const mistake = (env: Record<string, string> = {}, cloud?: string): CloudConfigError => {
  try {
    load(env, cloud);
  } catch (error) {
    if (error instanceof CloudConfigError) return error;
    throw error;
  }
  throw new Error('it was accepted');
};

const openrc = {
  OS_AUTH_URL: 'http://keystone:5000',
  OS_USERNAME: 'alice',
  OS_PASSWORD: 'hunter2',
  OS_PROJECT_NAME: 'demo',
  OS_USER_DOMAIN_NAME: 'Users',
  OS_PROJECT_DOMAIN_ID: 'p-domain',
  OS_REGION_NAME: 'R1',
  OS_IDENTITY_API_VERSION: '3',
};

const simple = (name: string, user = 'alice'): string =>
  `clouds: {${name}: {auth: {auth_url: 'http://k/v3', username: ${user}, password: p, project_name: demo}}}`;

const passwordOf = ({ credentials }: CloudConfig): string | undefined =>
  credentials.kind === 'password' ? credentials.password.reveal() : undefined;
const userOf = ({ credentials }: CloudConfig): string | undefined =>
  credentials.kind === 'password' ? credentials.user.name : undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hawser-clouds-'));
  cwd = join(root, 'cwd');
  home = join(root, 'home');
  mkdirSync(cwd);
  mkdirSync(home);
});

afterEach(() => rmSync(root, { recursive: true }));

describe('the environment', () => {
  test('describes a cloud by the variables of an openrc file', () => {
    const config = load(openrc);
    expect(config).toMatchObject({
      source: 'the environment',
      authUrl: 'http://keystone:5000/v3',
      region: 'R1',
      interface: 'public',
      endpointOverrides: {},
      tls: { verify: true },
      credentials: {
        kind: 'password',
        user: { name: 'alice', domain: { name: 'Users' } },
        project: { name: 'demo', domain: { id: 'p-domain' } },
      },
    });
    expect(passwordOf(config)).toBe('hunter2');
  });

  test('may name things as tools did years ago, some of them empty', () => {
    const config = load({
      OS_AUTH_URL: 'http://k:5000/v2.0/',
      OS_USERNAME: 'alice',
      OS_PASSWORD: 'p',
      OS_TENANT_NAME: 'old',
      OS_PROJECT_NAME: 'demo',
      OS_TENANT_ID: '',
      OS_ENDPOINT_TYPE: 'internalURL',
      OS_DEFAULT_DOMAIN: 'd1',
    });
    expect(config).toMatchObject({
      authUrl: 'http://k:5000/v3',
      interface: 'internal',
      credentials: {
        user: { domain: { id: 'd1' } },
        project: { name: 'demo', domain: { id: 'd1' } },
      },
    });
  });

  test('may hold an application credential by id, or by name with its user', () => {
    const base = {
      OS_AUTH_URL: 'http://k/v3',
      OS_AUTH_TYPE: 'v3applicationcredential',
      OS_APPLICATION_CREDENTIAL_SECRET: 's3cret',
    };
    const { credentials } = load({ ...base, OS_APPLICATION_CREDENTIAL_ID: 'ac-1' });
    expect(credentials).toMatchObject({ kind: 'applicationCredential', id: 'ac-1' });
    const byName = { OS_APPLICATION_CREDENTIAL_NAME: 'hawser', OS_USER_ID: 'u1' };
    expect(load({ ...base, ...byName }).credentials).toMatchObject({
      kind: 'applicationCredential',
      name: 'hawser',
      user: { id: 'u1' },
    });
    expect(mistake(base).message).toContain('OS_APPLICATION_CREDENTIAL_ID: is missing');
  });

  test('may hold a token', () => {
    const env = { OS_AUTH_URL: 'http://k/v3', OS_TOKEN: 't', OS_PROJECT_ID: 'p1' };
    expect(load(env).credentials).toMatchObject({ kind: 'token', project: { id: 'p1' } });
    expect(load({ ...env, OS_AUTH_TYPE: 'v3token' }).credentials.kind).toBe('token');
  });

  test('needs each of its parts, named in the error by its variable', () => {
    for (const key of ['OS_AUTH_URL', 'OS_USERNAME', 'OS_PASSWORD', 'OS_PROJECT_NAME']) {
      const error = mistake({ ...openrc, [key]: '' });
      expect(error).toMatchObject({ file: 'the environment', key });
      expect(error.message).toContain(`${key}: is missing: expected`);
    }
  });

  test('is refused with a value that cannot be right, and never shows the password', () => {
    const cases: [Record<string, string>, string][] = [
      [{ OS_AUTH_URL: 'keystone:5000' }, 'OS_AUTH_URL'],
      [{ OS_AUTH_URL: 'http://alice:hunter2@k/v3' }, 'OS_AUTH_URL'],
      [{ OS_INTERFACE: 'secret' }, 'OS_INTERFACE'],
      [{ OS_AUTH_TYPE: 'v3oidcpassword' }, 'OS_AUTH_TYPE'],
      [{ OS_VERIFY: 'maybe' }, 'OS_VERIFY'],
      [{ OS_COMPUTE_ENDPOINT_OVERRIDE: 'nova' }, 'OS_COMPUTE_ENDPOINT_OVERRIDE'],
    ];
    for (const [change, key] of cases) {
      const error = mistake({ ...openrc, ...change });
      expect(error.key).toBe(key);
      expect(inspect(error)).not.toContain('hunter2');
    }
  });

  test('counts only if it says more than which cloud to take', () => {
    write('cwd/clouds.yaml', simple('one'));
    expect(load({ OS_REGION_NAME: 'R9' })).toMatchObject({ region: 'R9' });
    expect(load({ OS_TEST_TIMEOUT: '5' }).source).toContain('cloud one');
    expect(load(openrc).source).toBe('the environment');
    expect(load({ ...openrc, OS_CLOUD: 'one' }).source).toContain('cloud one');
    expect(load({ ...openrc, OS_CLOUD: 'envvars' }).source).toBe('the environment');
  });
});

describe('clouds.yaml', () => {
  test('is looked for here, at home, or where OS_CLIENT_CONFIG_FILE says', () => {
    write('home/.config/openstack/clouds.yaml', simple('c', 'from-home'));
    expect(userOf(load())).toBe('from-home');
    write('cwd/clouds.yml', simple('c', 'from-here'));
    expect(userOf(load())).toBe('from-here');
    const elsewhere = write('elsewhere.yaml', simple('c', 'from-elsewhere'));
    expect(userOf(load({ OS_CLIENT_CONFIG_FILE: elsewhere }))).toBe('from-elsewhere');
  });

  test('that is not there is an error that says where it was looked for', () => {
    expect(mistake().message).toContain(join(home, '.config', 'openstack'));
    const missing = join(root, 'missing.yaml');
    expect(mistake({ OS_CLIENT_CONFIG_FILE: missing })).toMatchObject({ file: missing });
  });

  test('with several clouds needs to be told which', () => {
    const file = write(
      'cwd/clouds.yaml',
      `clouds:
  a: {auth: {auth_url: http://a/v3, user_id: u, password: p, project_id: x}}
  b: {auth: {auth_url: http://b/v3, user_id: u, password: p, project_id: x}}`,
    );
    expect(mistake().message).toBe(`${file}: it describes 2 clouds (a, b); name one with OS_CLOUD`);
    expect(load({ OS_CLOUD: 'b' }).authUrl).toBe('http://b/v3');
    expect(load({ OS_CLOUD: 'b' }, 'a').authUrl).toBe('http://a/v3');
    expect(mistake({}, 'c').message).toBe(`${file}, cloud c: there is no such cloud; it has a, b`);
  });

  test('keeps what is written: a password of digits is text', () => {
    write(
      'cwd/clouds.yaml',
      'clouds: {a: {auth: {auth_url: http://a, username: 7, password: 0123, project_name: 1e3}}}',
    );
    const config = load();
    expect(passwordOf(config)).toBe('0123');
    expect(config.credentials).toMatchObject({ user: { name: '7' }, project: { name: '1e3' } });
  });

  test('is completed by secure.yaml and by a profile of clouds-public.yaml', () => {
    write(
      'cwd/clouds.yaml',
      'clouds: {a: {profile: vendor, auth: {username: alice, project_name: demo}, interface: internal}}',
    );
    write('cwd/secure.yaml', 'clouds: {a: {auth: {password: hunter2}}}');
    write(
      'cwd/clouds-public.yaml',
      'public-clouds: {vendor: {auth: {auth_url: https://v/v3}, region_name: V1, interface: public}}',
    );
    const config = load();
    expect(config).toMatchObject({ authUrl: 'https://v/v3', region: 'V1', interface: 'internal' });
    expect(passwordOf(config)).toBe('hunter2');
  });

  test('with a profile that is nowhere says what to write instead', () => {
    const text =
      'clouds: {a: {profile: ovh, auth: {username: alice, password: p, project_name: d}}}';
    write('cwd/clouds.yaml', text);
    expect(mistake()).toMatchObject({ cloud: 'a', key: 'profile' });
    write('cwd/clouds.yaml', text.replace('username', 'auth_url: http://k, username'));
    expect(load().authUrl).toBe('http://k/v3');
  });

  test('may give one domain for both user and project', () => {
    const auth = 'auth_url: http://k, username: alice, password: p, project_name: d';
    write('cwd/clouds.yaml', `clouds: {a: {auth: {${auth}, domain_name: Both}}}`);
    const both = { user: { domain: { name: 'Both' } }, project: { domain: { name: 'Both' } } };
    expect(load().credentials).toMatchObject(both);
    write('cwd/clouds.yaml', `clouds: {a: {auth: {${auth}, default_domain_name: D}}}`);
    expect(load().credentials).toMatchObject({ user: { domain: { name: 'D' } } });
    write('cwd/clouds.yaml', `clouds: {a: {auth: {${auth}}}}`);
    expect(load().credentials).toMatchObject({ user: { domain: { id: 'default' } } });
  });

  test('may list regions, some with values of their own', () => {
    write(
      'cwd/clouds.yaml',
      `clouds:
  a:
    auth: {auth_url: http://k, username: alice, password: p, project_name: d}
    regions:
    - R1
    - name: R2
      values:
        interface: internal
        auth: {auth_url: http://k2}`,
    );
    expect(load()).toMatchObject({ region: 'R1', interface: 'public', authUrl: 'http://k/v3' });
    expect(load({ OS_REGION_NAME: 'R2' })).toMatchObject({
      region: 'R2',
      interface: 'internal',
      authUrl: 'http://k2/v3',
    });
    expect(userOf(load({ OS_REGION_NAME: 'R2' }))).toBe('alice');
    expect(mistake({ OS_REGION_NAME: 'R3' }).message).toContain('none of its regions: R1, R2');
  });

  test('may share settings by anchors', () => {
    write(
      'cwd/clouds.yaml',
      `x-common: &common {username: alice, password: p, project_name: d}
clouds:
  a:
    auth:
      <<: *common
      auth_url: http://k`,
    );
    expect(userOf(load())).toBe('alice');
  });

  test('may name endpoints itself', () => {
    const auth = 'auth: {auth_url: http://k, username: alice, password: p, project_name: d}';
    const endpoints =
      'compute_endpoint_override: "http://n/", block-storage-endpoint-override: "http://c"';
    write('cwd/clouds.yaml', `clouds: {a: {${auth}, ${endpoints}, image_endpoint: "http://g"}}`);
    expect(load().endpointOverrides).toEqual({
      compute: 'http://n',
      volume: 'http://c',
      image: 'http://g',
    });
  });

  test('may name certificate files, read at once', () => {
    const auth = 'auth: {auth_url: https://k, username: alice, password: p, project_name: d}';
    write('cwd/ca.pem', '-----BEGIN CERTIFICATE-----\n1');
    write('home/me.pem', '-----BEGIN CERTIFICATE-----\n2');
    const key = write('me.key', '-----BEGIN PRIVATE KEY-----\n3');
    write('cwd/clouds.yaml', `clouds: {a: {${auth}, cacert: ca.pem, cert: ~/me.pem, key: ${key}}}`);
    const { tls } = load();
    expect(tls).toMatchObject({
      ca: '-----BEGIN CERTIFICATE-----\n1',
      cert: '-----BEGIN CERTIFICATE-----\n2',
      verify: true,
    });
    expect(tls.key?.reveal()).toContain('PRIVATE KEY');
    expect(inspect(tls)).not.toContain('PRIVATE KEY');

    write('cwd/clouds.yaml', `clouds: {a: {${auth}, cacert: nowhere.pem}}`);
    expect(mistake()).toMatchObject({ cloud: 'a', key: 'cacert' });
    expect(mistake().message).toContain(join(cwd, 'nowhere.pem'));
    write('cwd/nowhere.pem', 'hello');
    expect(mistake().message).toContain('is not a PEM file');
  });

  test('turns verification off only in so many words', () => {
    const auth = 'auth: {auth_url: https://k, username: alice, password: p, project_name: d}';
    const verify = (text: string): boolean => {
      write('cwd/clouds.yaml', `clouds: {a: {${auth}, ${text}}}`);
      return load().tls.verify;
    };
    expect(verify('verify: true')).toBe(true);
    expect(verify('verify: false')).toBe(false);
    expect(verify('insecure: true')).toBe(false);
    expect(verify('insecure: false')).toBe(true);
    expect(verify('cacert: ')).toBe(true);
  });

  test('may say how long a request may take, as for openstacksdk', () => {
    const auth = 'auth: {auth_url: https://k, username: alice, password: p, project_name: d}';
    write('cwd/clouds.yaml', `clouds: {a: {${auth}, api_timeout: 2.5}}`);
    expect(load().timeoutMs).toBe(2500);
    for (const wrong of ['soon', '0', '-1', '2000001', '1e300', 'Infinity']) {
      write('cwd/clouds.yaml', `clouds: {a: {${auth}, api_timeout: "${wrong}"}}`);
      expect(mistake(), wrong).toMatchObject({ cloud: 'a', key: 'api_timeout' });
    }
  });

  test('that cannot be read says file and line', () => {
    const file = write('cwd/clouds.yaml', 'clouds:\n  a: {auth: {password: "hunter2"" }\n');
    expect(mistake()).toMatchObject({ file });
    expect(mistake().message).toContain('line 2');
    expect(inspect(mistake())).not.toContain('hunter2');
    write('cwd/clouds.yaml', 'clouds: none');
    expect(mistake().message).toContain('clouds');
    write('cwd/clouds.yaml', '');
    expect(mistake()).toMatchObject({ file });
  });
});
