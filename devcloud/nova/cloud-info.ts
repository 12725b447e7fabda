import type { FastifyInstance } from 'fastify';
import { mustBeAdmin } from '../api/caller.js';
import type { Cloud } from '../cloud.js';

/** What clients ask about the cloud itself. */
export function cloudInfoRoutes(app: FastifyInstance, cloud: Cloud): void {
  const zone = { zoneName: 'nova', zoneState: { available: true }, hosts: null };
  app.get('/os-availability-zone', () => ({ availabilityZoneInfo: [zone] }));
  app.get('/os-availability-zone/detail', () => ({
    availabilityZoneInfo: [{ ...zone, hosts: { devcloud: {} } }],
  }));

  app.get('/extensions', () => ({ extensions: [] }));
  app.get('/os-server-groups', () => ({ server_groups: [] }));
  app.get('/os-aggregates', () => ({ aggregates: [] }));

  app.get('/os-services', ({ caller }) => {
    mustBeAdmin(caller, 'os_compute_api:os-services:list');
    return {
      services: ['nova-conductor', 'nova-scheduler', 'nova-compute'].map((binary, index) => ({
        id: index + 1,
        binary,
        host: 'devcloud',
        zone: binary === 'nova-compute' ? 'nova' : 'internal',
        status: 'enabled',
        state: 'up',
        updated_at: new Date().toISOString().replace('Z', '000'),
        disabled_reason: null,
        forced_down: false,
      })),
    };
  });

  for (const path of ['/os-hypervisors', '/os-hypervisors/detail']) {
    app.get(path, ({ caller, minor }) => {
      mustBeAdmin(caller, 'os_compute_api:os-hypervisors:list');
      return {
        hypervisors: [
          {
            id: minor >= 53 ? '00000000-0000-4000-8000-000000000001' : 1,
            hypervisor_hostname: 'devcloud',
            hypervisor_type: cloud.hosts.kind === 'qemu' ? 'QEMU' : 'fake',
            host_ip: '127.0.0.1',
            state: 'up',
            status: 'enabled',
          },
        ],
      };
    });
  }
}
