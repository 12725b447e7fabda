import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { request } from 'undici';
import { z } from 'zod';
import { loadCloudConfig } from '../openstack/cloud-config.js';
import { connectCloud } from '../openstack/index.js';

const run = promisify(execFile);

const plugSchema = z.object({ command: z.array(z.string()).min(1) });

/** A machine of the tenant's, at an address of its network, with real NFS and SMB clients. */
export interface TenantClient {
  address: string;
  /** Writes random bytes to the share, reads them back, and answers with both checksums. */
  writeAndRead(location: string, sizeBytes: number): Promise<{ written: string; read: string }>;
  /** Lists the share's root. Rejects with the client's own words when it is not let in. */
  list(location: string): Promise<string>;
  /** Unplugs the machine and deletes its port. Safe to repeat. */
  close(): Promise<void>;
}

export interface TenantClientOptions {
  cloudUrl: string;
  cloudsYaml: string;
  /** The cloud in clouds.yaml that is the tenant's. */
  cloud: string;
  network: string;
  name: string;
}

/** Plugs a client machine into a tenant's network of the embedded cloud, on QEMU hosts. */
export async function plugTenantClient(options: TenantClientOptions): Promise<TenantClient> {
  const env = { OS_CLIENT_CONFIG_FILE: options.cloudsYaml };
  const cloud = connectCloud(loadCloudConfig({ cloud: options.cloud, env }));
  const [network] = await cloud.network.listNetworks({ name: options.network });
  if (!network) throw new Error(`There is no network ${options.network}`);
  const port = await cloud.network.createPort({ name: options.name, networkId: network.id });
  const directory = await mkdtemp(join(tmpdir(), 'hawser-client-'));
  const control = `${options.cloudUrl}/devcloud/ports/${port.id}`;
  const { command } = plugSchema.parse(await post(`${control}/plug`));
  const inside = insideOf(command);
  let closed = false;

  return {
    address: port.fixedIps[0]?.ipAddress ?? '',
    writeAndRead: async (location, sizeBytes) => {
      const sent = join(directory, 'sent');
      const received = join(directory, 'received');
      await writeFile(sent, randomBytes(sizeBytes));
      await rm(received, { force: true });
      const { put, get } = commandsFor(location);
      // libnfs does not write over a file that is there.
      const name = `hawser-was-here-${randomBytes(4).toString('hex')}`;
      await inside(put(sent, name));
      await inside(get(name, received));
      return { written: await checksum(sent), read: await checksum(received) };
    },
    list: async (location) => inside(commandsFor(location).list),
    close: async () => {
      if (closed) return;
      closed = true;
      await post(`${control}/unplug`);
      await cloud.network.deletePort(port.id);
      await cloud.session.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

interface ClientCommands {
  put: (file: string, name: string) => string[];
  get: (name: string, file: string) => string[];
  list: string[];
}

/** libnfs and Samba's client: both speak from user space, so no kernel module is needed. */
function commandsFor(location: string): ClientCommands {
  const cifs = /^\\\\(?<address>[^\\]+)\\(?<name>.+)$/.exec(location)?.groups;
  if (cifs) {
    const smb = (what: string) => [
      'smbclient',
      `//${cifs['address']}/${cifs['name']}`,
      '--no-pass',
      '-m',
      'SMB3',
      '-c',
      what,
    ];
    return {
      put: (file, name) => smb(`put "${file}" ${name}`),
      get: (name, file) => smb(`get ${name} "${file}"`),
      list: smb('ls'),
    };
  }
  const nfs = `nfs://${location.replace(':/', '/')}`;
  return {
    put: (file, name) => ['nfs-cp', file, `${nfs}/${name}?version=3`],
    get: (name, file) => ['nfs-cp', `${nfs}/${name}?version=3`, file],
    list: ['nfs-ls', `${nfs}?version=3`],
  };
}

function insideOf(command: string[]): (argv: string[]) => Promise<string> {
  return async (argv) => {
    const [program = '', ...args] = [...command, ...argv];
    try {
      const { stdout } = await run(program, args, { timeout: 60_000 });
      return stdout;
    } catch (error) {
      const said = z.object({ stdout: z.string(), stderr: z.string() }).safeParse(error);
      const words = said.success ? `${said.data.stdout}${said.data.stderr}`.trim() : String(error);
      throw new Error(`${argv[0]}: ${words}`, { cause: error });
    }
  };
}

async function post(url: string): Promise<unknown> {
  const { statusCode, body } = await request(url, { method: 'POST' });
  const text = await body.text();
  if (statusCode >= 300) throw new Error(`POST ${url} answered ${statusCode}: ${text}`);
  return text === '' ? {} : JSON.parse(text);
}

async function checksum(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
