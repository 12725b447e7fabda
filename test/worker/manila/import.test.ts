import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkConfig, parseConfig } from '../../../worker/config.js';
import { importManilaConf } from '../../../worker/manila/import.js';
import { findOption } from '../../../worker/options/groups.js';

const conf = readFileSync(new URL('./manila.conf', import.meta.url), 'utf8');

interface HawserYaml {
  defaults: Record<string, unknown>;
  backends: Record<string, Record<string, unknown>>;
}

const read = (yaml: string) => parse(yaml) as HawserYaml;

test('the backends of the generic driver are taken over, and pass the check', () => {
  const { yaml } = importManilaConf(conf);
  const { defaults, backends } = read(yaml);
  expect(Object.keys(backends)).toEqual(['generic1', 'generic-tenant']);
  expect(checkConfig(parseConfig('hawser.yaml', yaml))).toMatchObject({ problems: [] });
  expect(defaults).toMatchObject({
    host: 'controller1',
    storage_availability_zone: 'az1',
    unused_share_server_cleanup_interval: 30,
    volume_name_template: 'manila-share-%s',
    ovs_integration_bridge: 'br-int',
  });
  expect(backends['generic1']).toMatchObject({
    share_backend_name: 'GENERIC1',
    service_instance_flavor_id: '100',
    path_to_private_key: '/var/lib/manila/ssh/id_rsa',
    path_to_public_key: '/var/lib/manila/ssh/id_rsa.pub',
    service_network_cidr: '10.254.0.0/16',
    service_network_division_mask: 27,
    service_instance_smb_config_path: '/shares/smb.conf',
    smb_template_config_path: '/var/lib/manila/smb.conf',
    limit_ssh_access: true,
    set_zero_reserved_blocks: false,
    max_shares_per_share_server: 20,
    max_over_subscription_ratio: 10.5,
    reserved_share_percentage: 5,
    filter_function: 'capabilities.total_capacity_gb > 10',
  });
  expect(backends['generic-tenant']).toMatchObject({
    share_backend_name: 'GENERIC TENANT',
    // A name that nobody knows stays as it is, as with oslo.config.
    service_network_name: 'tenant_service_$share_backend',
    service_instance_name_template: 'tenant-%s',
    backend_availability_zone: 'az2',
    share_mount_path: '/exports',
  });
});

test('what Manila does by default and Hawser otherwise is written out', () => {
  const { yaml } = importManilaConf(conf);
  const { generic1, 'generic-tenant': tenant } = read(yaml).backends;
  expect(generic1?.['service_instance_name_template']).toBe('%s');
  expect(generic1).not.toHaveProperty('storage_availability_zone');
  expect(tenant).toMatchObject({
    interface_driver: 'manila.network.linux.interface.OVSInterfaceDriver',
    max_shares_per_share_server: -1,
  });
  expect(yaml).toMatch(/max_shares_per_share_server: -1 # Manila's default/);
});

test('whatever is not taken over is named, and no value of it', () => {
  const { yaml, notes } = importManilaConf(conf);
  const said = notes.join('\n');
  expect(said).toContain('[cephfs1] is left out: its driver is manila.share.drivers.cephfs.');
  expect(said).toContain('[lvm1] is enabled and has no section');
  expect(said).toMatch(/^\[generic1\] has options that Hawser does not know, .*netapp_login/m);
  expect(said).toContain('[generic1] cinder_volume_type is empty');
  expect(said).toMatch(/^\[generic1\] filter_function has no effect here: /m);
  expect(said).toMatch(/^\[DEFAULT\] volume_name_template counts for generic1 and generic-tenant/m);
  expect(said).toMatch(/^\[DEFAULT\] has options of Manila's own services, .*transport_url/m);
  expect(said).toMatch(
    /^credentials are not taken over. Put those of \[nova\], \[cinder\], \[neut/m,
  );
  expect(said).toMatch(/^sections .*: database, keystone_authtoken, .*unused_backend$/m);
  for (const text of [yaml, said]) expect(text).not.toMatch(/secret|s3cr|dbpass|keystone pass/);
  const { generic1 } = read(yaml).backends;
  for (const name of [
    'driver_handles_share_servers',
    'share_helpers',
    'service_instance_password',
  ]) {
    if (findOption(name)) expect(generic1).toHaveProperty(name);
    else expect(said).toContain(name);
  }
});

test('one backend can be taken over alone; one that is not enabled cannot', () => {
  expect(Object.keys(read(importManilaConf(conf, ['generic1']).yaml).backends)).toEqual([
    'generic1',
  ]);
  expect(() => importManilaConf(conf, ['unused_backend'])).toThrow(
    'does not name unused_backend; it names generic1, generic-tenant, cephfs1, lvm1',
  );
  expect(() => importManilaConf(conf, ['cephfs1'])).toThrow(/no enabled backend .*cephfs/);
});

test('a backend on an existing server gets no defaults of a server that is never made', () => {
  const { yaml } = importManilaConf(
    '[DEFAULT]\nenabled_share_backends = one\n[one]\ndriver_handles_share_servers = False\n',
  );
  expect(Object.keys(read(yaml).backends['one'] ?? {})).not.toContain('interface_driver');
  expect(read(yaml).backends['one']).toHaveProperty('storage_availability_zone', 'nova');
});

test('a file that Manila would not read is refused with its line', () => {
  expect(() => importManilaConf('[DEFAULT]\nno option\n')).toThrow(
    /^line 2: no option is no option/,
  );
  expect(() => importManilaConf('[DEFAULT\n')).toThrow(/^line 1: \[DEFAULT is no section/);
  expect(() => importManilaConf('a = b\n')).toThrow(/^line 1: .*before any \[section\]/);
  expect(() => importManilaConf('[DEFAULT]\n\n  more\n')).toThrow(/^line 3: it goes on/);
  expect(() => importManilaConf('[DEFAULT]\n')).toThrow(/enabled_share_backends names no backend/);
});
