import { z } from 'zod';
import type { CloudConfig } from './cloud-config.js';
import { EndpointNotFound, type Service } from './errors.js';

export const catalogSchema = z.array(
  z.object({
    type: z.string(),
    endpoints: z.array(
      z.object({
        interface: z.string(),
        region: z.string().nullish(),
        region_id: z.string().nullish(),
        url: z.string(),
      }),
    ),
  }),
);

export type Catalog = z.infer<typeof catalogSchema>;

interface ApiVersion {
  /** The catalog's names for the service, best first. */
  types: string[];
  /** What the versioned endpoint ends with. */
  suffix: (projectId: string) => string;
}

const apis: Record<Exclude<Service, 'identity'>, ApiVersion> = {
  compute: { types: ['compute'], suffix: () => '/v2.1' },
  volume: {
    types: ['block-storage', 'volumev3', 'block-store', 'volume'],
    // Cinder wants the project in the path up to microversion 3.67.
    suffix: (projectId) => `/v3/${projectId}`,
  },
  network: { types: ['network'], suffix: () => '/v2.0' },
  image: { types: ['image'], suffix: () => '/v2' },
};

/**
 * The versioned endpoint of a service, without a slash at its end. Catalogs name endpoints with and without
 * version and project, so what is there is cut off and what this client speaks is put behind the root.
 */
export function findEndpoint(
  service: Service,
  config: CloudConfig,
  token: { catalog: Catalog; projectId: string },
): string {
  const override = config.endpointOverrides[service];
  if (service === 'identity') return override ?? config.authUrl;
  const url = override ?? endpointFromCatalog(service, config, token.catalog);
  return rootOf(url) + apis[service].suffix(token.projectId);
}

function endpointFromCatalog(
  service: Exclude<Service, 'identity'>,
  config: CloudConfig,
  catalog: Catalog,
): string {
  const missing = (detail: string): EndpointNotFound =>
    new EndpointNotFound({ service, region: config.region, interface: config.interface, detail });
  const { types } = apis[service];
  const offered = catalog
    .filter(({ type }) => types.includes(type))
    .sort((a, b) => types.indexOf(a.type) - types.indexOf(b.type));
  const endpoints = offered.flatMap((entry) => entry.endpoints);
  if (endpoints.length === 0) throw missing(`it has no service of type ${types.join(' or ')}`);

  const fitting = endpoints.filter(
    (endpoint) =>
      endpoint.interface.replace(/URL$/, '') === config.interface &&
      (config.region === undefined || regionOf(endpoint) === config.region),
  );
  const [first] = fitting;
  if (first === undefined) throw missing(`it offers ${endpoints.map(describe).join(', ')}`);
  const regions = new Set(fitting.map(regionOf));
  // Taking just any region would build half of a share in one and half in another.
  if (regions.size > 1) throw missing(`it is in ${[...regions].join(', ')}: set region_name`);
  if (!isRoot(first.url)) throw missing(`${JSON.stringify(first.url.slice(0, 200))} is no URL`);
  return first.url;
}

const MAX_URL_LENGTH = 2000;

/** Whether paths can be put behind it: not behind a query or a fragment. A URL is read without its line ends, a mark is not. */
function isRoot(url: string): boolean {
  if (url.length > MAX_URL_LENGTH || !URL.canParse(url)) return false;
  return /^https?:$/.test(new URL(url).protocol) && !/[?#\s\p{Cc}]/u.test(url);
}

type Endpoint = Catalog[number]['endpoints'][number];

const regionOf = (endpoint: Endpoint): string => endpoint.region_id ?? endpoint.region ?? '';

const describe = (endpoint: Endpoint): string => `${endpoint.interface} in ${regionOf(endpoint)}`;

/** `https://host/volume/v3/abc/` → `https://host/volume` */
const rootOf = (url: string): string =>
  url.replace(/\/v\d+(\.\d+)?(\/[^/]*)?\/*$/, '').replace(/\/+$/, '');
