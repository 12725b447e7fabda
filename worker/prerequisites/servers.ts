import { isDeleted } from '../../openstack/compute.js';
import { makesServers, textOf, type Check } from './finding.js';

/** The image that service instances boot from: there once, and active. */
export const checkImage: Check = async ({ config, cloud }) => {
  const option = 'service_image_name';
  const name = config.service_image_name;
  // A base volume is booted from in its stead.
  if (!makesServers(config) || textOf(config, 'service_instance_base_boot_volume_id')) return [];
  const [image, ...others] = await cloud.image.findImages({ name });
  if (!image) {
    return [
      { option, text: `no image is named ${name}: upload the service image, or name another` },
    ];
  }
  if (others.length > 0) {
    const ids = [image, ...others].map(({ id }) => id).join(', ');
    return [{ option, text: `${others.length + 1} images are named ${name}: ${ids}; keep one` }];
  }
  if (image.status === 'active') return [];
  return [{ option, text: `image ${name} (${image.id}) is ${image.status}, and must be active` }];
};

/** The flavor of service instances. */
export const checkFlavor: Check = async ({ config, cloud }) => {
  const option = 'service_instance_flavor_id';
  if (!makesServers(config)) return [];
  const wanted = config.service_instance_flavor_id;
  const flavor = await cloud.compute.findFlavor(wanted);
  if (!flavor)
    return [{ option, text: `no flavor has the id or name ${wanted}: create it, or name another` }];
  if (!flavor.disabled) return [];
  return [{ option, text: `flavor ${flavor.name} (${flavor.id}) is disabled`, warning: true }];
};

/** The server that serves all shares, where there is one; it may come later, and is waited for. */
export const checkExistingServer: Check = async ({ config, cloud }) => {
  const option = 'service_instance_name_or_id';
  const wanted = textOf(config, option);
  if (makesServers(config) || wanted === undefined) return [];
  const byId = await cloud.compute.findServer(wanted);
  if (byId && !isDeleted(byId)) return [];
  const named = await cloud.compute.listServers({ name: wanted });
  if (named.length === 1) return [];
  if (named.length > 1) {
    const ids = named.map(({ id }) => id).join(', ');
    return [{ option, text: `${named.length} servers are named ${wanted}: ${ids}; use an id` }];
  }
  return [{ option, text: `no server has the id or name ${wanted} yet`, warning: true }];
};
