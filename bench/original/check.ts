import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect, isDeepStrictEqual } from 'node:util';
import { pino } from 'pino';
import { z } from 'zod';
import { openCloud } from '../../dev/cloud.js';
import { ensureKeyPair } from '../../dev/files.js';
import { createUndoStack, type UndoStack } from '../../dev/undo-stack.js';
import { createHosts } from '../../devcloud/hosts/create-hosts.js';
import { defaultLatencies } from '../../devcloud/latencies.js';
import { startDevcloud } from '../../devcloud/server.js';
import { CloudControl } from '../../faults/control.js';
import type { Guest, Guests } from '../../faults/guests.js';
import { simulatedGuests } from '../../faults/guests/simulated.js';
import { tableOf } from '../table.js';
import { startOriginal, type Answer, type Command, type Original } from './original.js';
import { ownOptions, type Settings } from './settings.js';

const instant = Object.fromEntries(Object.keys(defaultLatencies).map((name) => [name, 0]));
const client = '10.10.0.77';
const atOnce = 3;

/** What Manila keeps when its last share server is gone: by kind, how many. */
const kept = {
  networks: 1,
  // Given up, it waits with an empty name for the next share server.
  subnets: 1,
  // Of this host, which Manila asks for also where it does not plug it, and of DHCP.
  ports: 2,
  securityGroups: 1,
  securityGroupRules: 11,
  keypairs: 1,
};

interface Place {
  original: Original;
  /** For another one beside it, on the same cloud. */
  settings: Settings;
  control: CloudControl;
  /** The project that it works in. */
  project: string;
  /** Where the tenant's shares are asked for. */
  tenant: { network: string; subnet: string };
  guests: Guests;
  /** Runs what takes its time, and takes note of that. */
  timed: (operation: string, work: () => Promise<{ ms: number }>) => Promise<void>;
}

/**
 * Has the original do each of its operations on a cloud of its own, prints what each took, and looks whether shares are
 * served meanwhile, and host and cloud are afterwards as they were. Throws what it finds wrong.
 */
export async function checkOriginal(): Promise<void> {
  const table = tableOf(['operation of the original', 'ms', 'requests', 'SSH commands']);
  const undo = createUndoStack();
  try {
    await operate(await open(undo, table));
  } finally {
    process.stdout.write(`${table.toString()}\n`);
    await undo.undoAll();
  }
}

async function open(undo: UndoStack, table: ReturnType<typeof tableOf>): Promise<Place> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hawser-original-'));
  undo.push(() => rm(stateDir, { recursive: true, force: true }));
  const keys = ensureKeyPair(join(stateDir, 'ssh'));
  const log = pino({ level: 'error' }, pino.destination(2));
  const cloudDir = join(stateDir, 'cloud');
  const hostsDir = join(cloudDir, 'hosts');
  const cloud = await startDevcloud({
    stateDir: cloudDir,
    port: 0,
    hosts: createHosts({ kind: 'simulated', rooted: true, stateDir: hostsDir, log }),
    log,
    // Simulated hosts boot nothing; any file does.
    imageFile: keys.publicKey,
    latencies: instant,
  });
  undo.push(() => cloud.close());
  const { session, network } = openCloud(cloud.cloudsYaml, 'hawser');
  undo.push(() => session.close());
  const [net] = await network.listNetworks({ name: 'demo-net' });
  const [subnet] = await network.listSubnets({ name: 'demo-subnet' });
  const { projectId: project } = await session.authenticate();
  const settings: Settings = {
    cloudsYaml: cloud.cloudsYaml,
    cloud: 'hawser',
    sshProxy: cloud.url,
    stateDir: join(stateDir, 'original'),
    options: ownOptions(keys),
  };
  const original = await startOriginal(settings);
  undo.push(() => original.close());
  const control = new CloudControl(cloud.url);
  const tenant = { network: net?.id ?? '', subnet: subnet?.id ?? '' };
  const timed: Place['timed'] = async (operation, work) => {
    const before = (await control.requests()).at(-1)?.number ?? 0;
    const { ms } = await work();
    const seen = await control.requests(before);
    const commands = seen.filter(({ service }) => service === 'ssh').length;
    table.push([operation, ms.toFixed(0), seen.length - commands, commands]);
  };
  const guests = simulatedGuests(cloudDir, control);
  return { original, settings, control, project, tenant, guests, timed };
}

async function operate(place: Place): Promise<void> {
  const { original, tenant, timed } = place;
  const before = await countsOf(place);
  const server = randomUUID();
  await timed('server set up', () => original.run({ command: 'setUpServer', server, ...tenant }));
  const bare = await guestOf(place);
  for (const protocol of ['NFS', 'CIFS'] as const) await liveOnce(place, server, protocol);
  await manyAtOnce(place, server);
  await manage(place, server);
  expectSame('the host', pictureOf(await guestOf(place)), pictureOf(bare));
  await timed('server torn down', () => original.run({ command: 'tearDownServer', server }));
  const more = Object.entries(await countsOf(place))
    .map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const)
    .filter(([, count]) => count !== 0);
  expectSame('the cloud', Object.fromEntries(more), kept);
}

/** A share from its creation to its deletion. */
async function liveOnce(place: Place, server: string, protocol: 'NFS' | 'CIFS'): Promise<void> {
  const [share, copy, snapshot] = [randomUUID(), randomUUID(), randomUUID()];
  const step = (operation: string, command: Command) =>
    place.timed(`${protocol}: ${operation}`, () => place.original.run(command));
  const served = async (wanted: boolean) =>
    expectSame(`${protocol} for ${client}`, await isServed(place, share, protocol), wanted);

  await step('created', { command: 'createShare', server, share, protocol, size: 1 });
  await served(false);
  await step('allowed', { command: 'allowAccess', share, to: client, level: 'rw' });
  await served(true);
  await step('extended', { command: 'extendShare', share, size: 2 });
  await step('shrunk', { command: 'shrinkShare', share, size: 1 });
  await served(true);
  await step('snapshot created', { command: 'createSnapshot', share, snapshot });
  // Under a share that was shrunk its volume stays as it was, and a copy may not be smaller.
  const from = { server, protocol, size: 2, snapshot };
  await step('created from snapshot', { command: 'createShare', share: copy, ...from });
  await step('denied', { command: 'denyAccess', share, to: client });
  await served(false);
  // It makes a CIFS share anew, which is open to nobody then.
  await step('ensured', { command: 'ensureShare', share });
  await step('snapshot deleted', { command: 'deleteSnapshot', snapshot });
  await step('deleted', { command: 'deleteShare', share });
  await place.original.run({ command: 'deleteShare', share: copy });
}

async function manyAtOnce({ original, timed }: Place, server: string): Promise<void> {
  const shares = Array.from({ length: atOnce }, () => randomUUID());
  const all = async (commands: Command[]) => {
    const { ms, answers } = await original.many(commands);
    expectSame('failures', answers.map(failureOf).filter(Boolean), []);
    return { ms };
  };
  const spec = { server, protocol: 'NFS', size: 1 } as const;
  await timed(`NFS: ${atOnce} created at once`, () =>
    all(shares.map((share) => ({ command: 'createShare', share, ...spec }))),
  );
  await timed(`NFS: ${atOnce} deleted at once`, () =>
    all(shares.map((share) => ({ command: 'deleteShare', share }))),
  );
}

const failureOf = ({ ok, error }: Answer): string | undefined => (ok ? undefined : error);

/** Another Manila, for which the server is one that was there before, takes over a share of the first one's. */
async function manage(
  { original, settings, control, project, timed }: Place,
  server: string,
): Promise<void> {
  const share = randomUUID();
  const made = await original.run({
    command: 'createShare',
    server,
    share,
    protocol: 'NFS',
    size: 1,
  });
  const [location = ''] = z.array(z.string()).parse(made.result);
  const { servers, volumes } = await control.holdings(project);
  const address = location.split(':')[0] ?? '';
  const other = await startOriginal({
    ...settings,
    stateDir: `${settings.stateDir}-existing`,
    options: {
      ...settings.options,
      driver_handles_share_servers: 'False',
      service_instance_name_or_id: servers?.[0]?.id ?? '',
      service_net_name_or_ip: address,
      tenant_net_name_or_ip: address,
    },
  });
  try {
    const volume = volumes?.[0]?.id ?? '';
    const managed = { share: randomUUID(), protocol: 'NFS', location, volume } as const;
    await timed('NFS: managed', () => other.run({ command: 'manageShare', ...managed }));
    await timed('NFS: unmanaged', () =>
      other.run({ command: 'unmanageShare', share: managed.share }),
    );
  } finally {
    await other.close();
  }
  await original.run({ command: 'deleteShare', share });
}

/** How many resources its project has, by kind. */
async function countsOf({ control, project }: Place): Promise<Record<string, number>> {
  const holdings = Object.entries(await control.holdings(project));
  return Object.fromEntries(holdings.map(([kind, rows]) => [kind, rows.length]));
}

/** The one host that there is. */
async function guestOf({ control, project, guests }: Place): Promise<Guest> {
  const holdings = await control.holdings(project);
  const guest = await guests.look(holdings['servers']?.[0]?.id ?? '', holdings);
  if (!guest) throw new Error('There is no host');
  return guest;
}

/** Its configuration and what its kernel knows. */
const pictureOf = ({ lines, registry }: Guest): string[] => [...lines, registry];

async function isServed(place: Place, share: string, protocol: 'NFS' | 'CIFS'): Promise<boolean> {
  const { nfs, registry } = await guestOf(place);
  if (protocol === 'NFS') return nfs.includes(`/shares/share-${share} ${client} rw`);
  const section = registry.split(`[share-${share}]`)[1]?.split('[')[0] ?? '';
  return section.includes(`hosts allow = ${client}\n`);
}

function expectSame(what: string, seen: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(seen, wanted)) return;
  throw new Error(`${what}: ${inspect(seen)}, not ${inspect(wanted)}`);
}
