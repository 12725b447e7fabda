import { readFile } from 'node:fs/promises';
import { cloudConfig, hostKeyTag } from '../activities/compute.js';
import type { Cloud } from '../openstack/index.js';
import { generateHostKey } from '../ssh/host-key.js';

/** The name of a server that is there before Hawser. */
export const existingServer = 'existing-nas';

/** Boots one in a tenant's network, as an operator would. */
export async function bootExistingServer(
  { compute, image, network }: Cloud,
  networkName: string,
  publicKeyFile: string,
): Promise<void> {
  const name = existingServer;
  const [tenant] = await network.listNetworks({ name: networkName });
  const [bootable] = await image.findImages({ name: 'manila-service-image' });
  const port = await network.createPort({ name, networkId: tenant?.id ?? '' });
  await compute.createKeypair({ name, publicKey: await readFile(publicKeyFile, 'utf8') });
  const flavor = await compute.findFlavor('100');
  const hostKey = generateHostKey();
  const { id } = await compute.createServer({
    name,
    imageId: bootable?.id ?? '',
    flavorId: flavor?.id ?? '',
    portIds: [port.id],
    keyName: name,
    configDrive: true,
    userData: cloudConfig(hostKey),
    metadata: { [hostKeyTag]: hostKey.publicKey },
  });
  while ((await compute.getServer(id)).status !== 'ACTIVE') {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
