import { expect, test } from 'vitest';
import { HostInterfaceNotReady } from '../../host-interface/errors.js';
import { contains, withPrefix } from '../../host-interface/locate.js';
import type { Subnet } from '../../openstack/network.js';

const subnet = (id: string, cidr: string) => ({ id, cidr }) as Subnet;
const subnets = [subnet('four', '10.254.0.0/28'), subnet('six', 'fd00::/64')];

test('addresses have the prefix lengths of their subnets', () => {
  const fixedIps = [
    { subnetId: 'four', ipAddress: '10.254.0.5' },
    { subnetId: 'six', ipAddress: 'fd00::5' },
    { subnetId: 'elsewhere', ipAddress: '10.0.0.5' },
  ];
  const prefixes = withPrefix(fixedIps, subnets);
  expect(prefixes).toEqual(['10.254.0.5/28', 'fd00::5/64']);
  expect(prefixes.map((prefix) => contains(prefix, '10.254.0.14'))).toEqual([true, false]);
});

test('an address that cannot be on its subnet is no prefix, and that is said', () => {
  const fixedIps = [{ subnetId: 'six', ipAddress: '10.254.0.5' }];
  expect(() => withPrefix(fixedIps, subnets)).toThrow(HostInterfaceNotReady);
});
