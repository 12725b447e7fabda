import type { Backend } from '../../activities/backend.js';
import { HostInterfaceUnusable } from '../../host-interface/errors.js';
import { openHostInterface } from '../../host-interface/index.js';
import { CloudConfigError } from '../../openstack/errors.js';
import type { Cloud } from '../../openstack/index.js';
import { closeBackend, openBackend, openCloudOf } from '../backends.js';
import type { BackendConfig } from '../config.js';
import { checkCloud } from './cloud.js';
import type { Finding } from './finding.js';
import { checkKeyFiles } from './key-files.js';

export interface Examined {
  /** Open, for all backends; none when there are problems. */
  backends: Backend[];
  /** With the option's whole key, as in a `ConfigError`. */
  problems: string[];
  warnings: string[];
}

/**
 * Opens the backends when each has what it needs: its key files, this host's way to the service network and,
 * with `lookInCloud`, what its options name in the cloud. Everything is looked at before anything is said.
 */
export async function openChecked(
  configs: BackendConfig[],
  file: string,
  { lookInCloud }: { lookInCloud: boolean },
): Promise<Examined> {
  const results = await Promise.all(configs.map((config) => examine(config, file, lookInCloud)));
  const opened = results.flatMap(({ backend }) => (backend ? [backend] : []));
  const problems = results.flatMap((result) => result.problems);
  const warnings = results.flatMap((result) => result.warnings);
  if (problems.length === 0) return { backends: opened, problems, warnings };
  for (const backend of opened) await closeBackend(backend);
  return { backends: [], problems, warnings };
}

/** The same, for somebody who only wants to know. */
export async function checkPrerequisites(
  configs: BackendConfig[],
  file: string,
): Promise<Pick<Examined, 'problems' | 'warnings'>> {
  const { backends, ...said } = await openChecked(configs, file, { lookInCloud: true });
  for (const backend of backends) await closeBackend(backend);
  return said;
}

interface Result {
  backend?: Backend;
  problems: string[];
  warnings: string[];
}

async function examine(config: BackendConfig, file: string, lookInCloud: boolean): Promise<Result> {
  const cloud = openCloudOrSay(config);
  const findings = [
    ...checkKeyFiles(config),
    ...('option' in cloud ? [cloud] : await checkWay(config, cloud)),
    ...('option' in cloud || !lookInCloud ? [] : await checkCloud(cloud, config)),
  ];
  const inWords = ({ option, text }: Finding) => `backends.${config.name}.${option}: ${text}`;
  const problems = findings.filter(({ warning }) => !warning).map(inWords);
  const warnings = findings.filter(({ warning }) => warning).map(inWords);
  if ('option' in cloud) return { problems, warnings };
  if (problems.length === 0) {
    return { backend: openBackend(config, file, cloud), problems, warnings };
  }
  await cloud.session.close();
  return { problems, warnings };
}

function openCloudOrSay(config: BackendConfig): Cloud | Finding {
  try {
    return openCloudOf(config);
  } catch (error) {
    if (!(error instanceof CloudConfigError)) throw error;
    return { option: 'os_cloud', text: error.message };
  }
}

/** A host that can never reach an instance would only fail other hosts' shares. */
async function checkWay(config: BackendConfig, cloud: Cloud): Promise<Finding[]> {
  const option = 'interface_driver';
  const hostInterface = openHostInterface(config, cloud);
  try {
    await hostInterface.check();
    return [];
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof HostInterfaceUnusable) return [{ option, text }];
    return [
      { option, text: `this host cannot reach service instances yet: ${text}`, warning: true },
    ];
  } finally {
    hostInterface.close();
  }
}
