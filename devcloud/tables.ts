import type * as cinder from './cinder/rows.js';
import type { FaultRow } from './faults.js';
import type { Image } from './glance/rows.js';
import type { Job } from './jobs.js';
import type * as keystone from './keystone/rows.js';
import type { LatencyRow } from './latencies.js';
import type * as neutron from './neutron/rows.js';
import type * as nova from './nova/rows.js';
import type { QuotaRow } from './quotas.js';
import type { Setting } from './settings.js';
import type { Collection, Store } from './state.js';

/** Everything the cloud remembers. */
export interface Tables {
  settings: Collection<Setting>;
  jobs: Collection<Job>;
  latencies: Collection<LatencyRow>;
  quotas: Collection<QuotaRow>;
  faults: Collection<FaultRow>;
  projects: Collection<keystone.Project>;
  users: Collection<keystone.User>;
  roles: Collection<keystone.Role>;
  assignments: Collection<keystone.Assignment>;
  applicationCredentials: Collection<keystone.ApplicationCredential>;
  tokens: Collection<keystone.Token>;
  flavors: Collection<nova.Flavor>;
  keypairs: Collection<nova.Keypair>;
  servers: Collection<nova.Server>;
  volumeMappings: Collection<nova.VolumeMapping>;
  volumes: Collection<cinder.Volume>;
  snapshots: Collection<cinder.Snapshot>;
  attachments: Collection<cinder.Attachment>;
  volumeTypes: Collection<cinder.VolumeType>;
  networks: Collection<neutron.Network>;
  subnets: Collection<neutron.Subnet>;
  ports: Collection<neutron.Port>;
  routers: Collection<neutron.Router>;
  securityGroups: Collection<neutron.SecurityGroup>;
  securityGroupRules: Collection<neutron.SecurityGroupRule>;
  images: Collection<Image>;
}

export function openTables(store: Store): Tables {
  return {
    settings: store.collection('settings'),
    jobs: store.collection('jobs'),
    latencies: store.collection('latencies'),
    quotas: store.collection('quotas'),
    faults: store.collection('faults'),
    projects: store.collection('projects'),
    users: store.collection('users'),
    roles: store.collection('roles'),
    assignments: store.collection('assignments'),
    applicationCredentials: store.collection('applicationCredentials'),
    tokens: store.collection('tokens'),
    flavors: store.collection('flavors'),
    keypairs: store.collection('keypairs'),
    servers: store.collection('servers'),
    volumeMappings: store.collection('volumeMappings'),
    volumes: store.collection('volumes'),
    snapshots: store.collection('snapshots'),
    attachments: store.collection('attachments'),
    volumeTypes: store.collection('volumeTypes'),
    networks: store.collection('networks'),
    subnets: store.collection('subnets'),
    ports: store.collection('ports'),
    routers: store.collection('routers'),
    securityGroups: store.collection('securityGroups'),
    securityGroupRules: store.collection('securityGroupRules'),
    images: store.collection('images'),
  };
}
