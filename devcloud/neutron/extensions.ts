import type { FastifyInstance } from 'fastify';
import type { Cloud } from '../cloud.js';
import { neutronError } from './errors.js';

const aliases = [
  'agent',
  'allowed-address-pairs',
  'availability_zone',
  'binding',
  'default-subnetpools',
  'ext-gw-mode',
  'external-net',
  'extra_dhcp_opt',
  'filter-validation',
  'net-mtu',
  'net-mtu-writable',
  'network_availability_zone',
  'port-security',
  'project-id',
  'provider',
  'quota_details',
  'quotas',
  'revision-if-match',
  'router',
  'router_availability_zone',
  'security-group',
  'service-type',
  'sorting',
  'pagination',
  'standard-attr-description',
  'standard-attr-revisions',
  'standard-attr-tag',
  'standard-attr-timestamp',
  'stateful-security-group',
  'subnet_allocation',
  'tag-creation',
];

/** Those that clients look for by name. */
const names: Record<string, string> = { binding: 'Port Binding', provider: 'Provider Network' };

const extensions = aliases.map((alias) => ({
  alias,
  name: names[alias] ?? alias,
  description: '',
  updated: '2016-01-01T00:00:00-00:00',
  links: [],
}));

/** Collections that are always empty here, but that clients look into. */
const emptyCollections = [
  'agents',
  'floatingips',
  'subnetpools',
  'address_scopes',
  'rbac_policies',
  'segments',
  'service_providers',
  'trunks',
];

export function extensionRoutes(app: FastifyInstance, _cloud: Cloud): void {
  app.get('/v2.0/extensions', () => ({ extensions }));

  app.get<{ Params: { alias: string } }>('/v2.0/extensions/:alias', (request) => {
    const extension = extensions.find(({ alias }) => alias === request.params.alias);
    if (!extension) {
      throw neutronError(
        404,
        'HTTPNotFound',
        `Extension with alias ${request.params.alias} does not exist`,
      );
    }
    return { extension };
  });

  app.get('/v2.0/availability_zones', () => ({
    availability_zones: ['network', 'router'].map((resource) => ({
      name: 'nova',
      resource,
      state: 'available',
    })),
  }));

  for (const name of emptyCollections) {
    app.get(`/v2.0/${name.replaceAll('_', '-')}`, () => ({ [name]: [] }));
  }
}
