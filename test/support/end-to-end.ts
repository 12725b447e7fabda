import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { HawserClient, type ShareView } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import {
  startEnvironment,
  type Environment,
  type EnvironmentOptions,
} from '../../dev/environment.js';
import { listResources, type Resources } from '../../dev/resources.js';
import { plugTenantClient, type TenantClient } from '../../dev/tenant-client.js';
import type { Cloud } from '../../openstack/index.js';
import { cloudUnderTest } from './cloud-under-test.js';
import { removeEverything } from './remove-everything.js';

/** The network that every cloud under test has for its tenant `demo`. */
export const shareNetwork = 'demo-net/demo-subnet';

/** By the protocols' own words: a tool that is missing or a network that is down is no refusal. */
export const refused = /MNT3ERR_ACCES|NT_STATUS_ACCESS_DENIED/;

/** What Samba tells somebody who may read and tries to write. */
export const readOnly = /NT_STATUS_ACCESS_DENIED|NT_STATUS_MEDIA_WRITE_PROTECTED/;

/** Bytes that a client writes and reads. */
export const size = 1_000_000;

/** What the tests of one file work with; there after `beforeAll`. */
export interface EndToEnd {
  environment: Environment;
  /** The operator's own view of the cloud. */
  cloud: Cloud;
  /** What was in the cloud before the file's first test. */
  before: Resources;
  /** Two machines of the tenant: one that rules will name, and one that they won't. */
  friend: TenantClient;
  stranger: TenantClient;
}

const target = cloudUnderTest();

export interface EndToEndOptions {
  /** Backends beside `generic`. What it makes in the cloud was there before the first test. */
  moreBackends?: EnvironmentOptions['moreBackends'];
  /** Takes that away again, when shares and instances are gone. */
  afterwards?: () => Promise<void>;
}

/** Starts Temporal, a worker and clients on the cloud under test for the tests of this file, and ends them. */
export function endToEnd({ moreBackends, afterwards }: EndToEndOptions = {}): EndToEnd {
  const parts: Partial<EndToEnd> = {};
  let stateDir: string;

  beforeAll(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'hawser-e2e-'));
    const environment = await startEnvironment({
      stateDir,
      cloud: target,
      ...(moreBackends && { moreBackends }),
    });
    parts.environment = environment;
    parts.cloud = openCloud(environment.cloudsYaml, 'hawser');
    parts.before = await listResources(parts.cloud);
    parts.friend = await plug(environment, 'friend');
    parts.stranger = await plug(environment, 'stranger');
  });

  afterAll(async () => {
    const { environment, friend, stranger, cloud } = parts;
    if (environment) await leaveNothing(environment);
    await friend?.close();
    await stranger?.close();
    await afterwards?.();
    await cloud?.session.close();
    await environment?.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  return parts as EndToEnd;
}

/** Nothing is there but what a test that failed has left. */
async function leaveNothing({ worker, temporalAddress }: Environment): Promise<void> {
  if (worker.pid === undefined) await worker.start();
  const client = await HawserClient.connect({ address: temporalAddress });
  const problems = await removeEverything(client);
  await client.close();
  for (const problem of problems) process.stderr.write(`Left in the cloud: ${problem}\n`);
}

/** A machine in a network, the tenant's unless another is named with its owner. */
export const plug = (
  environment: Environment,
  name: string,
  where = { cloud: 'demo', network: 'demo-net' },
): Promise<TenantClient> =>
  plugTenantClient({
    ...environment,
    host: 'host' in target ? target.host : undefined,
    ...where,
    name,
  });

/** What a person would type; the answer is the one JSON document on standard output. */
export async function hawser<T>(
  { environment }: EndToEnd,
  line: string,
  ...more: string[]
): Promise<T> {
  const args = [...line.split(' '), ...more, '-o', 'json'];
  const { code, stdout, stderr } = await environment.hawser(args);
  expect(code, `hawser ${args.join(' ')}: ${stdout}${stderr}`).toBe(0);
  return JSON.parse(stdout) as T;
}

/** A share of 1 GiB on the tenant's network, available unless `more` says not to wait. */
export const createShare = async (
  story: EndToEnd,
  id: string,
  protocol: string,
  ...more: string[]
): Promise<ShareView> =>
  hawser<ShareView>(
    story,
    `share create --id ${id} --protocol ${protocol} --size 1 --share-network ${shareNetwork}`,
    ...more,
  );

export const pathOf = (share: ShareView): string => share.exportLocations[0]?.path ?? '';
