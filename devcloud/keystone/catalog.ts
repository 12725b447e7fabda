import { createHash } from 'node:crypto';
import type { Cloud } from '../cloud.js';

export const regionName = 'RegionOne';

/** Types and paths as DevStack registers them. */
const services = [
  { type: 'identity', name: 'keystone', path: '/identity' },
  { type: 'compute', name: 'nova', path: '/compute/v2.1' },
  { type: 'volumev3', name: 'cinderv3', path: '/volume/v3/$(project_id)s' },
  { type: 'block-storage', name: 'cinder', path: '/volume/v3/$(project_id)s' },
  { type: 'network', name: 'neutron', path: '/networking' },
  { type: 'image', name: 'glance', path: '/image' },
  { type: 'placement', name: 'placement', path: '/placement' },
];

const interfaces = ['public', 'internal', 'admin'] as const;

/** Ids that are the same after each start. */
const stableId = (text: string): string => createHash('md5').update(text).digest('hex');

export function serviceList() {
  return services.map(({ type, name }) => ({
    id: stableId(`service ${type}`),
    type,
    name,
    description: '',
    enabled: true,
    links: {},
  }));
}

export function endpointList(cloud: Cloud) {
  return services.flatMap(({ type, path }) =>
    interfaces.map((side) => ({
      id: stableId(`endpoint ${type} ${side}`),
      service_id: stableId(`service ${type}`),
      interface: side,
      region: regionName,
      region_id: regionName,
      url: cloud.url + path,
      enabled: true,
      links: {},
    })),
  );
}

/** The catalog inside a token. A service that needs a project has no endpoints without one. */
export function catalogFor(cloud: Cloud, projectId: string | null) {
  const endpoints = endpointList(cloud);
  return serviceList().map(({ id, type, name }) => ({
    id,
    type,
    name,
    endpoints: endpoints
      .filter(({ service_id, url }) => service_id === id && (projectId || !url.includes('$(')))
      .map((endpoint) => ({
        id: endpoint.id,
        interface: endpoint.interface,
        region: endpoint.region,
        region_id: endpoint.region_id,
        url: endpoint.url.replace('$(project_id)s', projectId ?? ''),
      })),
  }));
}
