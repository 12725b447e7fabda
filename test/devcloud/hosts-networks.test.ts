import { describe, expect, it } from 'vitest';
import type { NetworkPlane } from '../../devcloud/hosts/hosts.js';
import { desiredWires } from '../../devcloud/hosts/qemu/desired-wires.js';
import { dhcpConfig } from '../../devcloud/hosts/qemu/dhcp-config.js';
import { bridgeOf, Names, tapOf } from '../../devcloud/hosts/qemu/names.js';
import { port, subnet } from './host-session.js';

const names = new Names('/state');

const plane = (more: Partial<NetworkPlane>): NetworkPlane => ({
  networks: [
    { id: 'net-a', mtu: 1450 },
    { id: 'net-b', mtu: 1500 },
  ],
  subnets: [
    subnet('a', '10.0.0.0/24', { gatewayIp: '10.0.0.1' }),
    subnet('b', '10.0.0.0/24', { gatewayIp: '10.0.0.1' }),
  ],
  ports: [],
  routers: [],
  ...more,
});

const wiresOf = (given: NetworkPlane, namespace: string, clients: NetworkPlane['ports'] = []) =>
  desiredWires(given, names, new Set(), clients).wires.filter(
    (wire) => wire.namespace === namespace,
  );

describe('the wires of a network plane', () => {
  it('lead to networks of the same addresses over bridges of their own', () => {
    const { bridges, wires } = desiredWires(plane({}), names, new Set(), []);
    expect(new Set(bridges.map(({ name }) => name)).size).toBe(2);
    expect(wires.map(({ bridge }) => bridge)).toEqual([bridgeOf('net-a'), bridgeOf('net-b')]);
  });

  it('give the cloud the address of the DHCP port, or the highest that nobody has', () => {
    const addresses = (ports: NetworkPlane['ports']) =>
      wiresOf(plane({ ports }), names.dhcp('net-a')).flatMap((wire) => wire.addresses);
    expect(addresses([])).toEqual(['10.0.0.254/24']);
    expect(addresses([port('a', '10.0.0.254')])).toEqual(['10.0.0.253/24']);
    expect(addresses([port('b', '10.0.0.254')])).toEqual(['10.0.0.254/24']);
    expect(addresses([port('a', '10.0.0.2', 'network:dhcp')])).toEqual(['10.0.0.2/24']);
  });

  it('reach subnets of IPv6 as well', () => {
    const subnets = [subnet('a', '2001:db8::/64', { gatewayIp: '2001:db8::1' })];
    const [wire] = wiresOf(plane({ subnets }), names.dhcp('net-a'));
    expect(wire?.addresses).toEqual(['2001:db8::ffff:ffff:ffff:ffff/64']);
  });

  it('join networks in a router, but lead to no external network', () => {
    const inside = [port('a', '10.0.0.1'), port('b', '10.0.0.1')];
    const outside = port('a', '10.0.0.200', 'network:router_gateway');
    const ports = [...inside, outside];
    const routers = [{ id: 'r', portIds: ports.map(({ id }) => id) }];
    const wires = wiresOf(plane({ ports, routers }), names.router('r'));
    expect(wires.map(({ macAddress }) => macAddress)).toEqual(
      inside.map(({ macAddress }) => macAddress),
    );
    expect(wires.map(({ addresses }) => addresses)).toEqual([['10.0.0.1/24'], ['10.0.0.1/24']]);
  });

  it('put a client at the addresses of its port, with the routes of its subnet', () => {
    const client = port('a', '10.0.0.7');
    const [wire] = wiresOf(plane({ ports: [client] }), names.client(client.id), [client]);
    expect(wire).toMatchObject({
      macAddress: client.macAddress,
      mtu: 1450,
      addresses: ['10.0.0.7/24'],
      routes: [{ destination: '0.0.0.0/0', nexthop: '10.0.0.1' }],
    });
    const gone = plane({ networks: [] });
    expect(wiresOf(gone, names.client(client.id), [client])).toEqual([]);
  });

  it('have a tap for each port of a server, with a name that the kernel takes', () => {
    const [one, other] = [port('a', '10.0.0.7'), port('a', '10.0.0.8')];
    const { taps } = desiredWires(plane({ ports: [one, other] }), names, new Set([one.id]), []);
    expect([...taps]).toEqual([[tapOf(one.id), { bridge: bridgeOf('net-a'), mtu: 1450 }]]);
    expect(tapOf(one.id).length).toBeLessThanOrEqual(15);
  });
});

describe('the DHCP server of a network', () => {
  const served = plane({
    subnets: [
      subnet('a', '10.0.0.0/24', {
        gatewayIp: '10.0.0.1',
        dnsNameservers: ['192.0.2.53', '2001:db8::53'],
        hostRoutes: [{ destination: '192.0.2.0/24', nexthop: '10.0.0.9' }],
      }),
      subnet('a', '10.9.0.0/24', { id: 'silent', enableDhcp: false }),
    ],
    ports: [port('a', '10.0.0.7'), port('b', '10.0.0.8'), port('a', '10.0.0.2', 'network:dhcp')],
  });

  it('leases to the ports of its network only', () => {
    const { hosts, main } = dhcpConfig(served, 'net-a', '/dir');
    expect(hosts).toBe(`${served.ports[0]?.macAddress},host-10-0-0-7,10.0.0.7\n`);
    expect(main).toContain('dhcp-range=set:subnet-a,10.0.0.0,static,255.255.255.0,86400s\n');
    expect(main).not.toContain('10.9.0.0');
  });

  it('gives the options that Neutron gives', () => {
    expect(dhcpConfig(served, 'net-a', '/dir').options.split('\n')).toEqual([
      'tag:subnet-a,option:mtu,1450',
      'tag:subnet-a,option:router,10.0.0.1',
      'tag:subnet-a,option:dns-server,192.0.2.53',
      'tag:subnet-a,option:classless-static-route,192.0.2.0/24,10.0.0.9,0.0.0.0/0,10.0.0.1',
      '',
    ]);
  });

  it('names itself as nothing where the subnet has no gateway and no name server', () => {
    const bare = plane({ subnets: [subnet('a', '10.0.0.0/24')] });
    expect(dhcpConfig(bare, 'net-a', '/dir').options).toBe(
      'tag:subnet-a,option:mtu,1450\ntag:subnet-a,option:router\ntag:subnet-a,option:dns-server\n',
    );
  });
});
