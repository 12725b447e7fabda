import {
  type Places,
  type Tree,
  type Value,
  isTree,
  mergeTrees,
  nonEmpty,
  readClouds,
  readProfile,
} from './cloud-files.js';
import { CloudConfigError } from './errors.js';

/** The settings of one cloud under today's names, whichever file, section or old name they came from. */
export class CloudSettings {
  readonly source: string;
  readonly #file: string;
  readonly #cloud: string | undefined;
  readonly #values: ReadonlyMap<string, string>;

  constructor(file: string, cloud: string | undefined, values: ReadonlyMap<string, string>) {
    this.source = cloud === undefined ? file : `cloud ${cloud} in ${file}`;
    this.#file = file;
    this.#cloud = cloud;
    this.#values = values;
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  /** @throws CloudConfigError that says what was expected */
  need(key: string, expected: string, otherKey = key): string {
    const value = this.get(key) ?? this.get(otherKey);
    if (value === undefined) throw this.mistake(key, `is missing: expected ${expected}`);
    return value;
  }

  flag(key: string): boolean | undefined {
    const text = this.get(key)?.toLowerCase();
    if (text === undefined) return undefined;
    if (['true', 'yes', 'on', '1'].includes(text)) return true;
    if (['false', 'no', 'off', '0'].includes(text)) return false;
    throw this.mistake(key, `"${text}" is neither true nor false`);
  }

  mistake(key: string, detail: string, cause?: unknown): CloudConfigError {
    const shown = this.#cloud === undefined ? `OS_${key.toUpperCase()}` : key;
    return new CloudConfigError({
      file: this.#file,
      cloud: this.#cloud,
      key: shown,
      detail,
      cause,
    });
  }
}

/** Chooses the cloud as openstacksdk does: by name, else OS_* variables, else the only one there is. */
export function findCloudSettings(wanted: string | undefined, places: Places): CloudSettings {
  const { env } = places;
  const name = wanted ?? nonEmpty(env['OS_CLOUD']);
  const environmentName = nonEmpty(env['OS_CLOUD_NAME']) ?? 'envvars';
  if (name === environmentName || (name === undefined && describesCloud(env))) {
    return new CloudSettings('the environment', undefined, flatten(fromEnvironment(env)));
  }
  const { file, clouds } = readClouds(places);
  const chosen = name ?? onlyCloud(file, clouds);
  const cloud = clouds[chosen];
  if (cloud === undefined) {
    const detail = `there is no such cloud; it has ${Object.keys(clouds).join(', ') || 'none'}`;
    throw new CloudConfigError({ file, cloud: chosen, detail });
  }
  const whole = mergeTrees(vendorProfile(file, chosen, cloud, places), cloud);
  return new CloudSettings(file, chosen, flatten(withRegion(file, chosen, whole, env)));
}

function onlyCloud(file: string, clouds: Record<string, Tree>): string {
  const names = Object.keys(clouds);
  const [first] = names;
  if (first === undefined || names.length > 1) {
    const detail = `it describes ${names.length} clouds (${names.join(', ')}); name one with OS_CLOUD`;
    throw new CloudConfigError({ file, detail });
  }
  return first;
}

/** Variables that choose or steer, but describe no cloud by themselves. */
const selectors = new Set([
  'OS_CLOUD',
  'OS_CLOUD_NAME',
  'OS_REGION_NAME',
  'OS_CLIENT_CONFIG_FILE',
  'OS_CLIENT_SECURE_FILE',
]);

const describesCloud = (env: Places['env']): boolean =>
  Object.keys(env).some((key) => /^OS_(?!TEST|STD|LOG)/.test(key) && !selectors.has(key));

function fromEnvironment(env: Places['env']): Tree {
  const tree: Tree = {};
  for (const [key, value] of Object.entries(env)) {
    if (key.startsWith('OS_') && value !== undefined) tree[key.slice(3).toLowerCase()] = value;
  }
  return tree;
}

function vendorProfile(file: string, name: string, cloud: Tree, places: Places): Tree {
  const profile = cloud['profile'] ?? cloud['cloud'];
  if (typeof profile !== 'string') return {};
  const found = readProfile(profile, places);
  if (found !== undefined) return found;
  if (flatten(cloud).has('auth_url')) return {};
  const detail = `"${profile}" is in no clouds-public.yaml: write auth_url and region_name here instead`;
  throw new CloudConfigError({ file, cloud: name, key: 'profile', detail });
}

/** `regions` lists names, or names with values of their own; the first one counts unless one is chosen. */
function withRegion(file: string, name: string, cloud: Tree, env: Places['env']): Tree {
  const named = cloud['region_name'];
  const wanted = nonEmpty(env['OS_REGION_NAME']) ?? (typeof named === 'string' ? named : undefined);
  const listed = [cloud['regions'] ?? []].flat().map(readRegion);
  if (listed.length === 0) return wanted === undefined ? cloud : { ...cloud, region_name: wanted };
  const region = listed.find((one) => one.name === (wanted ?? listed[0]?.name));
  if (region === undefined) {
    const names = listed.map((one) => one.name).join(', ');
    const detail = `"${wanted}" is none of its regions: ${names}`;
    throw new CloudConfigError({ file, cloud: name, key: 'region_name', detail });
  }
  return { ...mergeTrees(cloud, region.values), region_name: region.name };
}

function readRegion(region: Value): { name: string; values: Tree } {
  if (typeof region === 'string') return { name: region, values: {} };
  if (!isTree(region)) return { name: '', values: {} };
  const { name, values } = region;
  return { name: typeof name === 'string' ? name : '', values: isTree(values) ? values : {} };
}

/** Old names that still stand in many files, and what they are called now. */
const renamed: Record<string, string> = {
  auth_plugin: 'auth_type',
  auth_token: 'token',
  default_domain: 'default_domain_id',
  endpoint_type: 'interface',
  tenant_id: 'project_id',
  tenant_name: 'project_name',
  user_name: 'username',
};

/** What stands beside `auth` wins over what stands in it. */
function flatten({ auth, ...beside }: Tree): Map<string, string> {
  const values = new Map<string, string>();
  const all = [...Object.entries(isTree(auth) ? auth : {}), ...Object.entries(beside)];
  for (const [key, text] of all) {
    const plain = key.replaceAll('-', '_');
    const today = renamed[plain] ?? plain;
    // openrc files set old and new names side by side, some of them empty.
    const known = today !== plain && values.has(today);
    if (typeof text === 'string' && text !== '' && !known) values.set(today, text);
  }
  return values;
}
