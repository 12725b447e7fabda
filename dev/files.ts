import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { generateHostKey } from '../ssh/host-key.js';
import type { ExistingCloud } from './cloud.js';

/** Written into every state directory, so that nothing else is ever deleted as one. */
const MARK = '.hawser-state';

/** The processes that the environment owns, in its state directory. */
export const PIDS = 'pids.json';

/** Makes the state directory if there is none, and marks it as ours. Refuses what is somebody else's. */
export function claimStateDirectory(directory: string): void {
  const mark = join(directory, MARK);
  if (existsSync(directory) && readdirSync(directory).length > 0 && !existsSync(mark)) {
    throw new Error(
      `${directory} holds files that are not Hawser's. Empty it yourself, or name another with --state.`,
    );
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(mark, '');
}

/** Removes what earlier runs left in a state directory of ours. */
export function emptyStateDirectory(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name !== MARK && name !== PIDS) rmSync(join(directory, name), { recursive: true });
  }
}

/** Machines of one kind are unknown to hosts of the other: a state directory stays with its kind. */
export function requireSameHosts(directory: string, hosts: string): void {
  const file = join(directory, 'hosts-kind');
  const former = existsSync(file) ? readFileSync(file, 'utf8').trim() : hosts;
  if (former !== hosts) {
    throw new Error(
      `${directory} was made with ${former} hosts. Go on with --hosts ${former}, ` +
        'begin anew with --fresh, or name another directory with --state.',
    );
  }
  writeFileSync(file, `${hosts}\n`);
}

export interface KeyPair {
  privateKey: string;
  publicKey: string;
}

/** The files of the key pair that opens service instances; made once. */
export function ensureKeyPair(directory: string): KeyPair {
  const files = {
    privateKey: join(directory, 'id_ed25519'),
    publicKey: join(directory, 'id_ed25519.pub'),
  };
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!existsSync(files.privateKey) || !existsSync(files.publicKey)) {
    const { privateKey, publicKey } = generateHostKey();
    writeFileSync(files.privateKey, privateKey, { mode: 0o600 });
    writeFileSync(files.publicKey, `${publicKey}\n`);
  }
  chmodSync(files.privateKey, 0o600);
  return files;
}

/** Options of backends beside `generic`, each on top of what `generic` has. */
export type BackendOverrides = Record<string, Record<string, unknown>>;

/** hawser.yaml for a cloud that was seeded as the embedded one is. */
export function writeHawserYaml(
  file: string,
  cloud: ExistingCloud,
  keys: KeyPair,
  moreBackends: BackendOverrides,
): void {
  const generic = {
    os_cloud: 'hawser',
    os_client_config_file: cloud.cloudsYaml,
    // What is under test must not be repaired by the way.
    ensure_shares_interval: 0,
    sweep_interval: 0,
    ...cloud.backend,
    path_to_private_key: keys.privateKey,
    path_to_public_key: keys.publicKey,
    service_instance_user: 'manila',
    service_image_name: 'manila-service-image',
    service_instance_flavor_id: '100',
  };
  const comment = '# Written at every start of the environment: changes do not last.\n';
  const backends = { generic: {}, ...moreBackends };
  writeFileSync(file, comment + stringify({ defaults: generic, backends }));
}

/** What the children see of our environment: nothing of another Temporal or another cloud. */
export function childEnvironment(
  stateDirectory: string,
  temporalAddress: string,
): NodeJS.ProcessEnv {
  const emptyToml = join(stateDirectory, 'temporal.toml');
  writeFileSync(emptyToml, '[profile.default]\n');
  const ours = Object.entries(process.env).filter(([name]) => !/^(TEMPORAL|OS)_/.test(name));
  const direct = ['127.0.0.1', 'localhost', process.env['NO_PROXY'] ?? process.env['no_proxy']];
  const noProxy = direct.filter(Boolean).join(',');
  return {
    ...Object.fromEntries(ours),
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: 'default',
    TEMPORAL_CONFIG_FILE: emptyToml,
    NO_PROXY: noProxy,
    no_proxy: noProxy,
  };
}
