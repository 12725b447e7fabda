import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { Places } from './cloud-files.js';
import { type CloudSettings, findCloudSettings } from './cloud-settings.js';
import type { Service } from './errors.js';
import { Secret } from './secret.js';

/** A user or project: an id, or a name with its domain. */
export interface Owner {
  id?: string | undefined;
  name?: string | undefined;
  domain?: { id: string } | { name: string } | undefined;
}

export type Credentials =
  | { kind: 'password'; user: Owner; password: Secret; project: Owner }
  | {
      kind: 'applicationCredential';
      id?: string | undefined;
      name?: string | undefined;
      user?: Owner | undefined;
      secret: Secret;
    }
  | { kind: 'token'; token: Secret; project: Owner };

export type Interface = 'public' | 'internal' | 'admin';

/** PEM texts. */
export interface TlsSettings {
  ca?: string | undefined;
  cert?: string | undefined;
  key?: Secret | undefined;
  verify: boolean;
}

export interface CloudConfig {
  /** For people: which cloud of which file, or the environment. */
  source: string;
  /** Keystone's v3 endpoint, without a slash at its end. */
  authUrl: string;
  credentials: Credentials;
  region?: string | undefined;
  interface: Interface;
  endpointOverrides: Partial<Record<Service, string>>;
  tls: TlsSettings;
  /** How long a request may take that names no limit of its own; undefined for our default. */
  timeoutMs?: number | undefined;
}

/**
 * Reads a cloud as the other OpenStack tools do: from clouds.yaml, or from the OS_* variables of `env`.
 *
 * @throws CloudConfigError that names file, cloud and key
 */
export function loadCloudConfig({
  cwd = process.cwd(),
  home = homedir(),
  ...request
}: {
  cloud?: string | undefined;
  env: Record<string, string | undefined>;
  cwd?: string;
  home?: string;
}): CloudConfig {
  const places: Places = { cwd, home, env: request.env };
  const settings = findCloudSettings(request.cloud, places);
  return {
    source: settings.source,
    authUrl: authUrl(settings),
    credentials: credentials(settings),
    region: settings.get('region_name'),
    interface: chosenInterface(settings),
    endpointOverrides: endpointOverrides(settings),
    tls: tls(settings, places),
    timeoutMs: timeoutMs(settings),
  };
}

/** Node's timers know no longer time, and fire at once instead. */
const MAX_TIMEOUT_MS = 2_000_000_000;

function timeoutMs(settings: CloudSettings): number | undefined {
  const text = settings.get('api_timeout');
  if (text === undefined) return undefined;
  const seconds = Number(text);
  if (!(seconds > 0)) throw settings.mistake('api_timeout', `"${text}" is no number of seconds`);
  if (seconds > MAX_TIMEOUT_MS / 1000) {
    const most = `"${text}" is more than the ${MAX_TIMEOUT_MS / 1000} seconds that can be waited`;
    throw settings.mistake('api_timeout', most);
  }
  return seconds * 1000;
}

function authUrl(settings: CloudSettings): string {
  const url = httpUrl(settings, 'auth_url', settings.need('auth_url', 'the URL of Keystone'));
  return `${url.replace(/\/v(2\.0|3)$/, '')}/v3`;
}

function httpUrl(settings: CloudSettings, key: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw settings.mistake(key, `"${text}" is not an http or https URL`);
  }
  if (url.username !== '' || url.password !== '') {
    throw settings.mistake(key, 'a URL with a user or password in it is not accepted');
  }
  return text.replace(/\/+$/, '');
}

function credentials(settings: CloudSettings): Credentials {
  const type = settings.get('auth_type') ?? impliedAuthType(settings);
  switch (type) {
    case 'password':
    case 'v3password': {
      const password = new Secret(settings.need('password', "the user's password"));
      return { kind: 'password', user: user(settings), password, project: project(settings) };
    }
    case 'v3applicationcredential':
      return applicationCredential(settings);
    case 'token':
    case 'v3token': {
      const token = new Secret(settings.need('token', 'a token'));
      return { kind: 'token', token, project: project(settings) };
    }
    default:
      throw settings.mistake(
        'auth_type',
        `"${type}" is not supported; use password, v3applicationcredential or v3token`,
      );
  }
}

function impliedAuthType(settings: CloudSettings): string {
  if (settings.get('application_credential_secret') !== undefined) return 'v3applicationcredential';
  return settings.get('token') === undefined ? 'password' : 'token';
}

function applicationCredential(settings: CloudSettings): Credentials {
  const secret = new Secret(
    settings.need('application_credential_secret', 'the secret shown when it was created'),
  );
  const id = settings.get('application_credential_id');
  if (id !== undefined) return { kind: 'applicationCredential', id, secret };
  const name = settings.need(
    'application_credential_id',
    'its id (or application_credential_name with username)',
    'application_credential_name',
  );
  return { kind: 'applicationCredential', name, user: user(settings), secret };
}

function user(settings: CloudSettings): Owner {
  const id = settings.get('user_id');
  if (id !== undefined) return { id };
  return { name: settings.need('username', 'a user name'), domain: domain(settings, 'user') };
}

function project(settings: CloudSettings): Owner {
  const id = settings.get('project_id');
  if (id !== undefined) return { id };
  const name = settings.need('project_name', 'the name of the project to work in');
  return { name, domain: domain(settings, 'project') };
}

function domain(settings: CloudSettings, of: 'user' | 'project'): Owner['domain'] {
  const id = settings.get(`${of}_domain_id`);
  if (id !== undefined) return { id };
  const name = settings.get(`${of}_domain_name`);
  if (name !== undefined) return { name };
  const commonId = settings.get('domain_id') ?? settings.get('default_domain_id');
  if (commonId !== undefined) return { id: commonId };
  const commonName = settings.get('domain_name') ?? settings.get('default_domain_name');
  // Like the `openstack` command: the domain that every Keystone has.
  return commonName === undefined ? { id: 'default' } : { name: commonName };
}

function chosenInterface(settings: CloudSettings): Interface {
  const text = settings.get('interface') ?? 'public';
  const name = text.replace(/URL$/, '');
  if (name === 'public' || name === 'internal' || name === 'admin') return name;
  throw settings.mistake('interface', `"${text}" is none of public, internal, admin`);
}

const overrideNames: Record<Service, string[]> = {
  identity: ['identity'],
  compute: ['compute'],
  volume: ['block_storage', 'volumev3', 'volume'],
  network: ['network'],
  image: ['image'],
};

function endpointOverrides(settings: CloudSettings): CloudConfig['endpointOverrides'] {
  const overrides: CloudConfig['endpointOverrides'] = {};
  for (const [service, names] of Object.entries(overrideNames) as [Service, string[]][]) {
    for (const name of names) {
      const key = [`${name}_endpoint_override`, `${name}_endpoint`].find(
        (candidate) => settings.get(candidate) !== undefined,
      );
      if (key !== undefined)
        overrides[service] ??= httpUrl(settings, key, settings.need(key, 'a URL'));
    }
  }
  return overrides;
}

function tls(settings: CloudSettings, places: Places): TlsSettings {
  const pem = (key: string): string | undefined => {
    const file = settings.get(key)?.replace(/^~(?=\/)/, places.home);
    return file === undefined ? undefined : readPem(settings, key, resolve(places.cwd, file));
  };
  const key = pem('key');
  return {
    ca: pem('cacert'),
    cert: pem('cert'),
    key: key === undefined ? undefined : new Secret(key),
    verify: settings.flag('verify') ?? !(settings.flag('insecure') ?? false),
  };
}

function readPem(settings: CloudSettings, key: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw settings.mistake(key, `the file ${file} cannot be read`, cause);
  }
  if (!text.includes('-----BEGIN ')) throw settings.mistake(key, `${file} is not a PEM file`);
  return text;
}
