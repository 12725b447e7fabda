import { mkdtemp, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import ssh2 from 'ssh2';
import type { Hosts, NetworkPlane, ServerSpec, VolumeFile } from '../../devcloud/hosts/hosts.js';
import { generateHostKey } from '../../ssh/host-key.js';

export const silent = pino({ level: 'silent' });
const newKey = () => {
  const { privateKey, publicKey } = generateHostKey();
  return { private: privateKey, public: publicKey };
};

export const userKey = newKey();
export const hostKey = newKey();

export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'hawser-hosts-'));

type Port = NetworkPlane['ports'][number];
type Subnet = NetworkPlane['subnets'][number];

export const subnet = (id: string, cidr: string, more: Partial<Subnet> = {}): Subnet => ({
  id,
  networkId: `net-${id}`,
  cidr,
  gatewayIp: null,
  enableDhcp: true,
  dnsNameservers: [],
  hostRoutes: [],
  ...more,
});

let ports = 0;

/** A port on the network of a subnet. */
export function port(subnetId: string, ipAddress: string, deviceOwner = ''): Port {
  ports += 1;
  return {
    id: `port-${ports}`,
    networkId: `net-${subnetId}`,
    macAddress: `fa:16:3e:00:00:${ports.toString(16).padStart(2, '0')}`,
    fixedIps: [{ subnetId, ipAddress }],
    deviceId: '',
    deviceOwner,
  };
}

export function server(id: string, at: Port, more: Partial<ServerSpec> = {}): ServerSpec {
  const ipAddresses = at.fixedIps.map((ip) => ip.ipAddress);
  const metaData = { uuid: id, hostname: id, public_keys: { test: userKey.public } };
  const userData = {
    ssh_keys: { ed25519_private: hostKey.private, ed25519_public: hostKey.public },
  };
  return {
    id,
    name: id,
    ramMib: 512,
    vcpus: 1,
    rootDiskGib: 2,
    imageFile: '',
    ports: [{ id: at.id, macAddress: at.macAddress, ipAddresses }],
    configDrive: {
      'openstack/latest/meta_data.json': JSON.stringify(metaData),
      'openstack/latest/user_data': `#cloud-config\n${JSON.stringify(userData)}`,
    },
    ...more,
  };
}

export async function volume(folder: string, id: string, sizeGib: number): Promise<VolumeFile> {
  const file = join(folder, `volume-${id}`);
  await writeFile(file, '');
  await truncate(file, sizeGib * 1024 ** 3);
  return { id, file };
}

/** Connects as `manila` and checks the host key of the config drive. */
export async function login(
  hosts: Hosts,
  at: Port,
  options: Partial<ssh2.ConnectConfig> = {},
): Promise<ssh2.Client> {
  const address = at.fixedIps[0]?.ipAddress ?? '';
  const sock = await hosts.connect({ networkId: at.networkId, address, port: 22 });
  const client = new ssh2.Client();
  const pinned = publicKeyOf(hostKey.public);
  await new Promise<void>((resolve, reject) => {
    // A client may tell of more than one error.
    client.once('ready', resolve).on('error', reject);
    client.once('close', () => reject(new Error('closed')));
    client.connect({
      sock,
      username: 'manila',
      privateKey: userKey.private,
      hostVerifier: (key: Buffer) => key.equals(pinned),
      ...options,
    });
  });
  return client;
}

/** Tries until the host has booted. */
export async function loginWhenUp(hosts: Hosts, at: Port, limitMs: number): Promise<ssh2.Client> {
  const end = Date.now() + limitMs;
  for (;;) {
    try {
      return await login(hosts, at, { readyTimeout: 30_000 });
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(300);
    }
  }
}

function publicKeyOf(line: string): Buffer {
  const key = ssh2.utils.parseKey(line);
  if (key instanceof Error) throw key;
  return key.getPublicSSH();
}

export interface Ending {
  code: number | null;
  signal: string | undefined;
  stdout: string;
  stderr: string;
}

export async function execute(client: ssh2.Client, command: string, input = ''): Promise<Ending> {
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) => {
    client.exec(command, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  const closed = new Promise<[number | null, string | undefined]>((resolve) => {
    channel.on('close', (code: number | null, signal?: string) => resolve([code, signal]));
  });
  channel.end(input);
  const [stdout, stderr] = await Promise.all([text(channel), text(channel.stderr)]);
  const [code, signal] = await closed;
  return { code, signal, stdout, stderr };
}

/** Hawser's way: constant text for the shell, everything else on standard input. */
const REMOTE_COMMAND = `sudo -n /bin/bash -c 'mapfile -d "" -t f && exec timeout --kill-after=5 "\${f[0]}" /bin/bash -euo pipefail -c "\${f[1]}" "\${f[2]}" "\${f[@]:3}"'`;

/** Runs a script as Hawser does. In it `$r` is what stands before absolute paths. */
export function run(client: ssh2.Client, script: string, ...args: string[]): Promise<Ending> {
  const fields = ['60', `r=\${HAWSER_ROOT:-}\n${script}`, 'test', ...args];
  return execute(client, REMOTE_COMMAND, fields.map((field) => `${field}\0`).join(''));
}

/** Runs a script that must succeed and returns what it printed. */
export async function output(
  client: ssh2.Client,
  script: string,
  ...args: string[]
): Promise<string> {
  const ending = await run(client, script, ...args);
  if (ending.code !== 0) {
    throw new Error(`exit ${ending.code ?? ending.signal}: ${ending.stderr}${ending.stdout}`);
  }
  return ending.stdout;
}
