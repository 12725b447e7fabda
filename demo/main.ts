import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { HawserClient, type ShareView } from '../client/index.js';
import { openCloud } from '../dev/cloud.js';
import { startEnvironment, type EmbeddedEnvironment } from '../dev/environment.js';
import { differences, listResources } from '../dev/resources.js';
import type { Cloud } from '../openstack/index.js';
import { plugTenantClient, type TenantClient } from '../dev/tenant-client.js';
import { Story, mustBe } from './story.js';

const shareNetwork = 'demo-net/demo-subnet';
const fileSize = 1_000_000;

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

async function main(): Promise<void> {
  const story = new Story();
  story.title(
    'Hawser: NFS and CIFS shares on OpenStack that survive the death of their controller',
  );
  const environment = await story.step(
    'Temporal, an embedded OpenStack with QEMU servers, and a worker',
    () =>
      startEnvironment({
        stateDir: fileURLToPath(new URL('../.hawser/demo', import.meta.url)),
        cloud: { hosts: 'qemu' },
        fresh: true,
      }),
    ({ webUiUrl, cloudUrl }) => [
      `watch the workflows at ${webUiUrl}`,
      `the cloud is at ${cloudUrl}`,
    ],
  );
  const hawser = await HawserClient.connect({ address: environment.temporalAddress });
  const cloud = openCloud(environment.cloudsYaml, 'hawser');
  const clients: TenantClient[] = [];
  try {
    await tell(story, { environment, hawser, cloud }, clients);
    if (values.keep) await stay(story, environment);
  } finally {
    for (const client of clients) await client.close();
    await hawser.close();
    await cloud.session.close();
    await environment.stop();
  }
}

interface Stage {
  environment: EmbeddedEnvironment;
  hawser: HawserClient;
  /** As its operator sees it. */
  cloud: Cloud;
}

async function tell(
  story: Story,
  { environment, hawser, cloud }: Stage,
  clients: TenantClient[],
): Promise<void> {
  const before = await listResources(cloud);

  story.title('Two shares on one service instance');
  story.command(`hawser share create --protocol NFS --size 1 --share-network ${shareNetwork}`);
  story.command(`hawser share create --protocol CIFS --size 1 --share-network ${shareNetwork}`);
  const [nfs, cifs] = await story.step(
    'a service instance is booted, and both shares become available',
    () => Promise.all([create(hawser, 'demo-nfs', 'NFS'), create(hawser, 'demo-cifs', 'CIFS')]),
    (shares) => shares.map(mountCommand),
  );
  mustBe(cifs.serviceInstance, nfs.serviceInstance, 'both shares on one service instance');

  story.title('Access');
  const plug = (name: string) =>
    plugTenantClient({ ...environment, cloud: 'demo', network: 'demo-net', name });
  const friend = await story.step('a client machine is plugged into the tenant network', () =>
    plug('demo-friend'),
  );
  clients.push(friend);
  const stranger = await story.step('and another one, which no rule will name', () =>
    plug('demo-stranger'),
  );
  clients.push(stranger);
  for (const share of [nfs, cifs]) {
    story.command(`hawser access allow ${share.id} --to ${friend.address} --level rw`);
    await story.step(`${share.protocol}: access for ${friend.address}`, () =>
      hawser.allowAccess(share.id, { to: friend.address, level: 'rw' }),
    );
  }
  for (const share of [nfs, cifs]) await useShare(story, share, friend, stranger);

  story.title('The controller dies in the middle of a create');
  const crash = await survive(story, environment, hawser);
  const volumes = (await listResources(cloud)).volumes.filter(({ name }) =>
    name.includes(crash.id),
  );
  mustBe(volumes.length, 1, `volumes of share ${crash.id}`);
  story.note(`one volume of it exists: ${volumes[0]?.id}`);

  story.title('Everything is deleted');
  for (const client of clients.splice(0)) await client.close();
  for (const { id, protocol } of [nfs, cifs, crash]) {
    story.command(`hawser share delete ${id}`);
    await story.step(`${protocol} share ${id} is gone`, async () => {
      await hawser.deleteShare(id);
      await hawser.waitUntilDeleted(id);
    });
  }
  const instance = nfs.serviceInstance ?? '';
  story.command(`hawser instance delete ${instance}`);
  await story.step('the service instance and its network are gone', async () => {
    await hawser.deleteInstance(instance);
    await hawser.waitUntilInstanceDeleted(instance);
  });
  await story.step('the cloud holds what it held before, and nothing else', async () =>
    mustBe(differences(before, await listResources(cloud)), [], 'resources added or missing'),
  );
  story.title(`All of it was seen, in ${story.elapsed}.`);
}

async function create(
  hawser: HawserClient,
  id: string,
  protocol: 'NFS' | 'CIFS',
): Promise<ShareView> {
  await hawser.createShare({ id, protocol, sizeGib: 1, shareNetwork });
  return hawser.waitForShare(id);
}

function mountCommand(share: ShareView): string {
  const path = share.exportLocations[0]?.path ?? '';
  return share.protocol === 'NFS'
    ? `mount -t nfs4 -o vers=4.1 ${path} /mnt`
    : `mount -t cifs ${path.replaceAll('\\', '/')} /mnt -o guest,vers=3.1.1`;
}

async function useShare(
  story: Story,
  share: ShareView,
  friend: TenantClient,
  stranger: TenantClient,
): Promise<void> {
  const location = share.exportLocations[0]?.path ?? '';
  const sums = await story.step(
    `${share.protocol}: ${friend.address} writes a file and reads it back`,
    () => friend.writeAndRead(location, fileSize),
    ({ written, read }) => [`written ${short(written)}  read ${short(read)}`],
  );
  mustBe(sums.read, sums.written, `checksum of what ${friend.address} read`);
  await story.step(
    `${share.protocol}: ${stranger.address} is refused`,
    async () => {
      const answer = await stranger.list(location).catch((error: unknown) => error);
      // Another error, of a tool or of the network, would be no refusal.
      if (answer instanceof Error && /ACCES/.test(answer.message)) return answer.message;
      throw new Error(`${stranger.address} was not refused: ${String(answer)}`);
    },
    (words) => [words.split('\n').at(-1) ?? ''],
  );
}

/** Kills the worker while the volume is being formatted, and lets another one finish the share. */
async function survive(
  story: Story,
  environment: EmbeddedEnvironment,
  hawser: HawserClient,
): Promise<ShareView> {
  const id = 'demo-crash';
  story.command(`hawser share create --id ${id} --protocol NFS --size 1 --no-wait …`);
  await hawser.createShare({ id, protocol: 'NFS', sizeGib: 1, shareNetwork });
  const step = await story.step('it gets as far as the service instance', async () => {
    for await (const { steps } of hawser.watchShare(id)) {
      const running = steps.find((one) => one.step === 'formatAndMount');
      if (running) return running.step;
    }
    throw new Error(`share ${id} was never seen formatting its volume`);
  });
  story.command(`kill -9 ${environment.worker.pid}`);
  await story.step(`the worker is killed in the middle of ${step}`, () =>
    environment.worker.kill9(),
  );
  mustBe((await hawser.getShare(id)).status, 'creating', `status of ${id} without a worker`);
  await story.step('a new worker is started', () => environment.worker.start());
  return story.step(
    'the share becomes available all the same',
    () => hawser.waitForShare(id),
    (share) => [mountCommand(share)],
  );
}

async function stay(story: Story, environment: EmbeddedEnvironment): Promise<void> {
  story.note(`Still running, to look at: ${environment.webUiUrl}. Ctrl-C ends it.`);
  await new Promise<void>((resolve) => process.once('SIGINT', () => resolve()));
}

const short = (sum: string): string => sum.slice(0, 16);

try {
  await main();
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
