import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { HawserClient } from '../../client/index.js';
import { openCloud } from '../../dev/cloud.js';
import {
  startEnvironment,
  type Environment,
  type EnvironmentOptions,
} from '../../dev/environment.js';
import type { Cloud } from '../../openstack/index.js';

/** What the tests of one file work with; there after `beforeAll`. */
export interface SimulatedEnvironment {
  environment: Environment;
  client: HawserClient;
  /** The operator's own view of the cloud. */
  cloud: Cloud;
}

/** Temporal, an embedded cloud with simulated hosts and a worker for the tests of this file; ended after them. */
export function simulatedEnvironment(
  name: string,
  { moreBackends }: Pick<EnvironmentOptions, 'moreBackends'> = {},
): SimulatedEnvironment {
  const stateDir = mkdtempSync(join(tmpdir(), `hawser-${name}-`));
  const parts: Partial<SimulatedEnvironment> = {};

  beforeAll(async () => {
    parts.environment = await startEnvironment({
      stateDir,
      cloud: { hosts: 'simulated' },
      temporalDatabase: 'memory',
      ...(moreBackends && { moreBackends }),
    });
    const { temporalAddress, cloudsYaml } = parts.environment;
    parts.client = await HawserClient.connect({ address: temporalAddress });
    parts.cloud = openCloud(cloudsYaml, 'hawser');
  });

  afterAll(async () => {
    await parts.cloud?.session.close();
    await parts.client?.close();
    await parts.environment?.stop();
    rmSync(stateDir, { recursive: true, force: true });
  });

  return parts as SimulatedEnvironment;
}
