import { request } from 'undici';
import { z } from 'zod';
import type { Cloud } from '../openstack/index.js';
import type { Network } from '../openstack/network.js';
import { openCloud } from './cloud.js';
import { undoneOnFailure } from './undo-stack.js';

/** A machine at a port of a tenant's network. */
export interface ClientMachine {
  address: string;
  /** Prefix a command with these words and it runs there. */
  command: string[];
  /** Takes away the machine and its port. Safe to repeat. */
  remove(): Promise<void>;
}

export interface ClientMachineOptions {
  /** Of the embedded cloud. On any other this machine must be one of the cloud's hosts. */
  cloudUrl?: string | undefined;
  cloudsYaml: string;
  /** The cloud in clouds.yaml that is the tenant's. */
  cloud: string;
  network: string;
  name: string;
}

export async function theNetwork({ network }: Cloud, name: string): Promise<Network> {
  const [found] = await network.listNetworks({ name });
  if (!found) throw new Error(`There is no network ${name}`);
  return found;
}

const plugSchema = z.object({ command: z.array(z.string()).min(1) });

/** Asks the embedded cloud, on QEMU hosts, for a machine at a new port of the tenant's. */
export async function plugDevcloudMachine(
  cloudUrl: string,
  { cloudsYaml, cloud: cloudName, network: networkName, name }: ClientMachineOptions,
): Promise<ClientMachine> {
  return undoneOnFailure(async (undo) => {
    const cloud = openCloud(cloudsYaml, cloudName);
    undo.push(() => cloud.session.close());
    const network = await theNetwork(cloud, networkName);
    const port = await cloud.network.createPort({ name, networkId: network.id });
    undo.push(() => cloud.network.deletePort(port.id));
    const control = `${cloudUrl}/devcloud/ports/${port.id}`;
    undo.push(() => post(`${control}/unplug`));
    const { command } = plugSchema.parse(await post(`${control}/plug`));
    return { address: port.fixedIps[0]?.ipAddress ?? '', command, remove: undo.undoAll };
  });
}

async function post(url: string): Promise<unknown> {
  const { statusCode, body } = await request(url, { method: 'POST' });
  const text = await body.text();
  if (statusCode >= 300) throw new Error(`POST ${url} answered ${statusCode}: ${text}`);
  return text === '' ? {} : JSON.parse(text);
}
