import { ApplicationFailure } from '@temporalio/activity';
import type { Cloud } from '../../openstack/index.js';
import type { BackendConfig } from '../config.js';
import { toFailure } from '../failures.js';
import type { Check, Finding } from './finding.js';
import { checkAdminNetwork, checkServiceAddresses, checkServiceNetwork } from './networks.js';
import { checkExistingServer, checkFlavor, checkImage } from './servers.js';
import { checkAvailabilityZone, checkBaseBootVolume, checkVolumeTypes } from './volumes.js';

/** How long the cloud may take to answer everything; a worker that starts does not wait longer. */
const LIMIT_MS = 30_000;

/** Each with the option that is to blame when the cloud itself refuses the question. */
const checks: [option: string, check: Check][] = [
  ['service_image_name', checkImage],
  ['service_instance_flavor_id', checkFlavor],
  ['service_instance_name_or_id', checkExistingServer],
  ['cinder_volume_type', checkVolumeTypes],
  ['storage_availability_zone', checkAvailabilityZone],
  ['service_instance_base_boot_volume_id', checkBaseBootVolume],
  ['service_network_name', checkServiceNetwork],
  ['service_network_cidr', checkServiceAddresses],
  ['admin_network_id', checkAdminNetwork],
];

/**
 * Looks in the cloud whether a backend can work there; changes nothing. A cloud that cannot be asked now is a
 * warning: it may come back while the worker runs.
 */
export async function checkCloud(
  cloud: Cloud,
  config: BackendConfig,
  limitMs = LIMIT_MS,
): Promise<Finding[]> {
  const signal = AbortSignal.timeout(limitMs);
  const ask = async (option: string, question: () => Promise<Finding[]>): Promise<Finding[]> => {
    try {
      return await question();
    } catch (error) {
      return [findingOf(option, error, signal)];
    }
  };
  const services = async (): Promise<Finding[]> => {
    for (const service of ['compute', 'volume', 'network', 'image'] as const) {
      await cloud.session.endpointOf(service, signal);
    }
    return [];
  };
  // Whoever is not let in, or finds no services, need not ask each of them.
  const unknown = await ask('os_cloud', services);
  if (unknown.length > 0) return unknown;
  const { projectId } = await cloud.session.authenticate(signal);
  const scene = { config, cloud: cloud.withSignal(signal), projectId };
  const found = await Promise.all(checks.map(([option, check]) => ask(option, () => check(scene))));
  return found.flat();
}

function findingOf(option: string, error: unknown, signal: AbortSignal): Finding {
  if (signal.aborted) {
    return { option, text: 'the cloud does not answer in time', warning: true };
  }
  const failure = toFailure(error);
  if (!(failure instanceof ApplicationFailure)) throw error;
  const text = failure.message;
  return failure.nonRetryable ? { option, text } : { option, text, warning: true };
}
