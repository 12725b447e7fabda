import { setTimeout as sleep } from 'node:timers/promises';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { Client, Connection } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { inject } from 'vitest';
import { stringify } from 'yaml';
import { backendsOf, type Backend } from '../../activities/backend.js';
import { createActivities, type Activities } from '../../activities/index.js';
import { createTenantNetwork } from '../../dev/tenant-network.js';
import { loadCloudConfig } from '../../openstack/cloud-config.js';
import { connectCloud } from '../../openstack/index.js';
import { generateHostKey } from '../../ssh/host-key.js';
import { openBackend } from '../../worker/backends.js';
import { loadConfig } from '../../worker/config.js';
import { activityInterceptors } from '../../worker/interceptors.js';
import type { InstanceHost, ServiceInstance, ShareNetwork } from '../../workflows/model.js';
import { startTestCloud, type TestCloud } from '../devcloud/test-cloud.js';

/** One backend of the embedded cloud, with names of its own there. */
export interface Bench {
  backend: string;
  options: Backend['options'];
  publicKey: string | null;
  /** One attempt, as a worker makes it. */
  steps: Activities;
  /** As many attempts as it takes: passing failures are tried again, as Temporal does. */
  retried: Activities;
  /** What a script prints that runs as root on a service instance; `$r` is the host's root. */
  onHost(host: InstanceHost, script: string, ...args: string[]): Promise<string>;
}

/** The steps with their real clients against an embedded cloud with simulated hosts. */
export async function startActivityRig() {
  const devcloud = await startTestCloud();
  await liftQuotas(devcloud);
  const connection = Connection.lazy({ address: inject('temporalAddress') });
  const env = { OS_CLIENT_CONFIG_FILE: devcloud.cloudsYaml };
  const cloudOf = (cloud: string) => connectCloud(loadCloudConfig({ cloud, env }));
  const operator = cloudOf('hawser');
  const tenant = cloudOf('demo');
  const opened: Backend[] = [];
  const keys = await writeKeys(devcloud.stateDir);

  return {
    devcloud,
    /** The service project seen from outside the steps. */
    operator,
    tenant,

    /** Its steps know those that were added before it, as one worker's do. */
    async addBackend(more: Record<string, unknown> = {}): Promise<Bench> {
      const backend = await openTestBackend(devcloud, keys, `b${opened.length}`, more);
      opened.push(backend);
      const activities = createActivities(backendsOf([...opened]), new Client({ connection }));
      return benchOf(backend, activities);
    },

    /** A tenant's network behind a router of its own, as `ShareNetwork`. */
    async addShareNetwork({ steps, backend }: Bench, cidr = '10.20.0.0/24'): Promise<ShareNetwork> {
      networks += 1;
      const { name } = await createTenantNetwork(tenant, `tenant-${networks}`, cidr);
      const resolved = await steps.resolveShareNetwork({ backend, shareNetwork: name });
      if (!resolved) throw new Error(`backend ${backend} takes no share network`);
      return resolved;
    },

    /** Plans a fault, see devcloud/faults.ts. */
    async planFault(match: object, effect: object, times = 1): Promise<void> {
      await devcloud.control('POST', '/faults', { match, effect, times });
    },

    async stop(): Promise<void> {
      for (const { ssh, cloud } of opened) {
        ssh.close();
        await cloud.session.close();
      }
      await operator.session.close();
      await tenant.session.close();
      await connection.close();
      await devcloud.remove();
    },
  };
}

export type ActivityRig = Awaited<ReturnType<typeof startActivityRig>>;

let networks = 0;

/** How a step failed, as the workflow sees it; fails if it did not. */
export async function failureOf(step: Promise<unknown>): Promise<ApplicationFailure> {
  const outcome: unknown = await step.then(
    (value) => `success with ${JSON.stringify(value)}`,
    (error: unknown) => error,
  );
  if (outcome instanceof ApplicationFailure) return outcome;
  throw outcome instanceof Error ? outcome : new Error(String(outcome));
}

/** An instance's server from its port to ACTIVE. */
export async function bootServer(
  { steps, backend }: Bench,
  shareNetwork: ShareNetwork,
  instanceId: string,
): Promise<ServiceInstance> {
  const ports = await steps.ensureServerPort({ backend, shareNetwork, instanceId });
  const images = await steps.resolveImageAndFlavor({ backend });
  const { portIds, ...addresses } = ports;
  const server = await steps.ensureServer({ backend, instanceId, portIds, ...images });
  const host = { backend, instanceId, ...addresses, ...server };
  await steps.waitForServer(host);
  return host;
}

/** A new backend with one service instance that lets us in. */
export async function bootInstance(
  rig: ActivityRig,
): Promise<{ bench: Bench; host: InstanceHost }> {
  const bench = await rig.addBackend();
  const host = await bootServer(bench, await rig.addShareNetwork(bench), 'i');
  await bench.steps.waitForSsh({ host });
  return { bench, host };
}

/** A share's volume, attached. */
export async function attachShare(
  { steps, backend }: Bench,
  { serverId }: InstanceHost,
  shareId: string,
): Promise<{ shareId: string; volumeId: string }> {
  const { volumeId } = await steps.ensureVolume({ backend, shareId, sizeGib: 1 });
  await steps.attachVolume({ backend, serverId, volumeId });
  return { shareId, volumeId };
}

/** A share from its volume to the mounted file system. */
export async function mountShare(bench: Bench, host: InstanceHost, shareId: string): Promise<void> {
  const share = await attachShare(bench, host, shareId);
  await bench.steps.formatVolume({ host, ...share });
  await bench.steps.mountShare({ host, ...share });
}

/** As if a resize that lost its connection were at work on a volume for three seconds; answers whether it still is. */
export async function leaveResizeAtWork(
  bench: Bench,
  host: InstanceHost,
  volumeId: string,
): Promise<() => Promise<boolean>> {
  const hold = `mkdir -p "$r/run/lock"
    setsid flock "$r/run/lock/hawser-resize-$1" sh -c 'touch "$0"; sleep 3; rm "$0"' "$r/tmp/held" >/dev/null 2>&1 &
    until [[ -e $r/tmp/held ]]; do sleep 0.05; done`;
  await bench.onHost(host, hold, volumeId.slice(0, 20));
  return async () => (await bench.onHost(host, 'ls "$r/tmp/held" 2>/dev/null || true')) !== '';
}

/** A file's tests leave more behind than a new project may have. */
async function liftQuotas({ control }: TestCloud): Promise<void> {
  const kinds = ['network', 'subnet', 'port', 'router', 'security_group', 'security_group_rule'];
  const limits = {
    network: Object.fromEntries(kinds.map((name) => [name, -1])),
    volume: { volumes: -1 },
  };
  for (const project of ['service', 'demo']) {
    await control('PUT', '/quotas', { project, service: 'network', limits: limits.network });
    await control('PUT', '/quotas', { project, service: 'volume', limits: limits.volume });
  }
}

async function writeKeys(folder: string) {
  const { privateKey, publicKey } = generateHostKey();
  const files = {
    path_to_private_key: join(folder, 'id_ed25519'),
    path_to_public_key: join(folder, 'id_ed25519.pub'),
  };
  await writeFile(files.path_to_private_key, privateKey, { mode: 0o600 });
  await writeFile(files.path_to_public_key, publicKey);
  return files;
}

async function openTestBackend(
  { stateDir, cloudsYaml, url }: TestCloud,
  keys: Record<string, string>,
  name: string,
  more: Record<string, unknown>,
): Promise<Backend> {
  const file = join(stateDir, `${name}.yaml`);
  const options = {
    os_cloud: 'hawser',
    os_client_config_file: cloudsYaml,
    ssh_proxy: url,
    service_instance_user: 'manila',
    service_network_name: `service-${name}`,
    service_instance_security_group: `group-${name}`,
    manila_service_keypair_name: `key-${name}`,
    ...keys,
    ...more,
  };
  await writeFile(file, stringify({ backends: { [name]: options } }));
  const [config] = loadConfig(file);
  if (!config) throw new Error(`${file} has no backend`);
  return openBackend(config, file);
}

/** A backend's steps as a worker runs them. */
export function benchOf({ name, options, ssh, publicKey }: Backend, activities: Activities): Bench {
  return {
    backend: name,
    options,
    publicKey,
    steps: wrapped(activities, attempt),
    retried: wrapped(activities, untilItPasses),
    onHost: async ({ address, hostKey }, script, ...args) => {
      const withRoot = `r=\${HAWSER_ROOT:-}\n${script}`;
      const command = { name: 'look', script: withRoot, args, timeoutMs: 10_000 };
      return (await ssh.run({ address, hostKey }, command)).stdout;
    },
  };
}

type Step = (...args: unknown[]) => Promise<unknown>;

function wrapped(
  activities: Activities,
  run: (step: Step, args: unknown[]) => Promise<unknown>,
): Activities {
  const entries = Object.entries(activities).map(([name, step]) => [
    name,
    (...args: unknown[]) => run(step as Step, args),
  ]);
  return Object.fromEntries(entries) as Activities;
}

/** What the steps of this process said, oldest first. */
export const logged: string[] = [];

const logger = new DefaultLogger('INFO', ({ level, message }) => {
  logged.push(message);
  if (level === 'ERROR') process.stderr.write(`${message}\n`);
});

/** With the worker's own interceptors, so that failures are typed as in production. */
function attempt(step: Step, args: unknown[], number = 1): Promise<unknown> {
  const options = { interceptors: [activityInterceptors], logger };
  return new MockActivityEnvironment({ attempt: number }, options).run(step, ...args);
}

async function untilItPasses(step: Step, args: unknown[]): Promise<unknown> {
  for (let number = 1; ; number += 1) {
    try {
      return await attempt(step, args, number);
    } catch (error) {
      const passing = error instanceof ApplicationFailure && !error.nonRetryable;
      if (!passing || number === 10) throw error;
      await sleep(50);
    }
  }
}
