/** What a worker's host is told to do of what Neutron says: words of the programs' own, and values that are none. */
import { isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openHostInterface } from '../../host-interface/index.js';
import { PROJECT_ID } from '../openstack/fake-cloud.js';
import { expectFailure } from './failures.js';
import { withFakeCloud } from './fake-cloud.js';
import { anything, mutated, placesIn, type Json } from './mutated-answers.js';
import { holds, patience } from './properties.js';

const openstack = withFakeCloud();

const common = { project_id: PROJECT_ID, network_id: 'n1', name: 'hawser-host-h' };
const portOf = (id: string, description: string, address: string) => ({
  id,
  ...common,
  description,
  mac_address: 'fa:16:3e:00:00:01',
  device_owner: '',
  fixed_ips: [{ subnet_id: 'b1', ip_address: address }],
  admin_state_up: true,
  revision_number: 1,
  'binding:vif_type': '',
  status: 'ACTIVE',
});
const sound = {
  networks: [{ ...common, id: 'n1', name: 'service', status: 'ACTIVE', mtu: 1450 }],
  subnets: [{ ...common, id: 'b1', cidr: '10.254.0.0/28', ip_version: 4, enable_dhcp: true }],
  ports: [
    portOf('0b3c5a7e-1111', 'hawser:host=h', '10.254.0.9'),
    portOf('q2', 'hawser:instance=i', '10.254.0.5'),
  ],
};

/** A port that is never active is waited for. */
const places = placesIn(sound).filter((place) => place.length > 0 && place[2] !== 'status');
const nasty = fc.constantFrom<Json>(
  '-j',
  '--',
  '-batch',
  '10.254.0.5 dev lo',
  '10.254.0.5\n',
  'fe80::1%eth0',
  '010.0.0.1',
  'any',
  '10.0.0.0/-1',
  '10.0.0.0/33',
  'fd00::/64',
  '::/0',
  'fd00::1',
  '10.0.0.0',
  '/24',
  '../../x',
  'q1,q2',
  'q1"',
  'aa:bb',
  'random',
  -1500,
  0,
  1e21,
);
const answers = mutated(sound, places, fc.oneof(nasty, anything));

const literals =
  /^(-json|-Version|link|show|add|del|name|type|veth|peer|set|dev|address|mtu|alias|up|replace|--timeout=10|--|--may-exist|--if-exists|add-port|del-port|br-int|Interface|type=internal|--format=json|--columns=external_ids|find|external_ids:iface-status=active)$/;
const device = /^(tap|ns-)[A-Za-z0-9][A-Za-z0-9_-]{0,10}$/;
const text = /^(mac|external_ids:(iface-id|attached-mac|hawser-owner))=("[^\p{Cc}]*")$/u;

/** Of a program's arguments by its manual: a word of its own, or a value of the form that belongs there. */
function isSound(argument: string): boolean {
  if (literals.test(argument) || device.test(argument)) return true;
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(argument)) return true;
  if (/^(mtu_request=)?\d{1,16}$/.test(argument)) return true;
  if (/^hawser:owner=\S+ port=[\w-]+$/.test(argument)) return true;
  const quoted = text.exec(argument)?.[3];
  if (quoted !== undefined) return typeof JSON.parse(quoted) === 'string';
  const [address = '', length = '', ...more] = argument.split('/');
  const family = isIP(address);
  const bits = Number(length);
  return (
    family !== 0 &&
    !address.includes('%') &&
    more.length === 0 &&
    /^\d+$/.test(length) &&
    bits <= (family === 4 ? 32 : 128)
  );
}

describe('a worker’s host', { timeout: patience }, () => {
  test('runs programs with arguments that are what they seem', async () => {
    let plugged = 0;
    const input = fc.tuple(fc.constantFrom('bridge' as const, 'openvswitch' as const), answers);
    await holds('arguments of ip and ovs-vsctl', input, async ([driver, told]) => {
      const lists = new Map(Object.entries(told as Record<string, unknown>));
      for (const name of Object.keys(sound)) {
        openstack.fake.on(`GET /network/v2.0/${name}`, { json: { [name]: lists.get(name) } });
      }
      const ports: unknown = lists.get('ports');
      const [port] = Array.isArray(ports) ? (ports as unknown[]) : [];
      openstack.fake.on('GET /network/v2.0/ports/0b3c5a7e-1111', { json: { port } });
      openstack.fake.on('PUT /network/v2.0/ports/0b3c5a7e-1111', { json: { port } });
      openstack.fake.on('POST /network/v2.0/ports', { status: 201, json: { port } });
      const commands: string[][] = [];
      const run = async (program: string, ...args: string[]): Promise<string> => {
        commands.push([program, ...args]);
        return args.includes('find') ? '{"data": []}' : '[]';
      };
      const options = { host: 'h', service_network_name: 'service', interface_driver: driver };
      const opened = openHostInterface(
        { ...options, ovs_integration_bridge: 'br-int' },
        openstack.cloud,
        run,
      );
      const outcome = await opened.reach('10.254.0.5').then(
        () => undefined,
        (error: unknown) => error,
      );
      opened.close();
      if (outcome === undefined) plugged += 1;
      else expectFailure(outcome);
      for (const [program, ...args] of commands) {
        expect(['ip', 'ovs-vsctl']).toContain(program);
        for (const one of args) expect(isSound(one), JSON.stringify(one)).toBe(true);
      }
    });
    expect(plugged).toBeGreaterThan(0);
  });
});
