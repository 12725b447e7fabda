import { textOf, type Check, type Finding, type Scene } from './finding.js';

/** The types that volumes of shares and of service instances' disks have. */
export const checkVolumeTypes: Check = async ({ config, cloud }) => {
  const wanted = ['cinder_volume_type', 'service_instance_boot_volume_type'].flatMap((option) => {
    const type = textOf(config, option);
    return type === undefined ? [] : [{ option, type }];
  });
  if (wanted.length === 0) return [];
  const types = await cloud.blockStorage.listVolumeTypes();
  const known = types.map(({ name }) => name).join(', ');
  return wanted
    .filter(({ type }) => !types.some(({ id, name }) => id === type || name === type))
    .map(({ option, type }) => ({
      option,
      text: `Cinder has no volume type ${type}; there are: ${known}`,
    }));
};

/** Cinder's zone of shares' volumes. */
export const checkAvailabilityZone: Check = async ({ config, cloud }) => {
  const zone = config.storage_availability_zone;
  if (zone === null) return [];
  const zones = await cloud.blockStorage.listAvailabilityZones();
  const found = zones.find(({ name }) => name === zone);
  if (found?.available) return [];
  const option =
    config.backend_availability_zone === null
      ? 'storage_availability_zone'
      : 'backend_availability_zone';
  const known = zones.map(({ name }) => name).join(', ');
  if (!found)
    return [{ option, text: `Cinder has no availability zone ${zone}; there are: ${known}` }];
  return [
    { option, text: `Cinder's availability zone ${zone} is not available now`, warning: true },
  ];
};

/** The volume that service instances' disks are cloned from. */
export const checkBaseBootVolume: Check = async ({ config, cloud }: Scene): Promise<Finding[]> => {
  const option = 'service_instance_base_boot_volume_id';
  const id = textOf(config, option);
  if (id === undefined || !config.service_instance_boot_from_volume) return [];
  const volume = await cloud.blockStorage.findVolume(id);
  if (!volume) return [{ option, text: `Cinder has no volume ${id}` }];
  if (volume.status === 'available') return [];
  return [{ option, text: `volume ${id} is ${volume.status}, and must be available to be cloned` }];
};
