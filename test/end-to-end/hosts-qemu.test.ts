import { execFile } from 'node:child_process';
import { readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHosts, type HostsOptions } from '../../devcloud/hosts/create-hosts.js';
import type { ClientHost, Hosts, ServerSpec } from '../../devcloud/hosts/hosts.js';
import { Names } from '../../devcloud/hosts/qemu/names.js';
import {
  execute,
  login,
  loginWhenUp,
  newFolder,
  output,
  port,
  server,
  silent,
  subnet,
  userKey,
  volume,
} from '../devcloud/host-session.js';

const run = promisify(execFile);
const lines = async (command: string, ...args: string[]): Promise<string[]> =>
  (await run(command, args)).stdout.trim().split('\n').filter(Boolean);

const BOOT_LIMIT_MS = 300_000;

// A tenant's network and the service network behind one router; another tenant has the same addresses.
const serverPort = port('service', '10.254.0.5');
const allowed = port('tenant', '10.1.0.7');
const stranger = port('tenant', '10.1.0.8');
const namesake = port('other', '10.1.0.7');
const gateways = [
  port('service', '10.254.0.1', 'network:router_interface'),
  port('tenant', '10.1.0.1', 'network:router_interface'),
];
const plane = {
  networks: ['service', 'tenant', 'other'].map((name) => ({ id: `net-${name}`, mtu: 1400 })),
  subnets: [
    subnet('service', '10.254.0.0/28', {
      gatewayIp: '10.254.0.1',
      dnsNameservers: ['192.0.2.53'],
      hostRoutes: [{ destination: '192.0.2.0/24', nexthop: '10.254.0.14' }],
    }),
    subnet('tenant', '10.1.0.0/24', { gatewayIp: '10.1.0.1' }),
    subnet('other', '10.1.0.0/24', { gatewayIp: '10.1.0.1' }),
  ],
  ports: [serverPort, allowed, stranger, namesake, ...gateways],
  routers: [{ id: 'router', portIds: gateways.map(({ id }) => id) }],
};
const volumeId = '5f0c3b52-7d9e-4c1a-9b7e-0123456789ab';
const device = '/dev/disk/by-id/virtio-5f0c3b52-7d9e-4c1a-9';

let folder: string;
let hosts: Hosts;
let client: ssh2.Client;

async function newHosts(more: Partial<HostsOptions> = {}): Promise<Hosts> {
  const stateDir = join(folder, 'hosts');
  const made = createHosts({ kind: 'qemu', stateDir, log: silent, ...more });
  await made.start();
  await made.applyNetworks(plane);
  return made;
}

/** Lists an NFS export of the server as a client host sees it. */
async function list({ command: [program = '', ...args] }: ClientHost): Promise<string> {
  const { stdout } = await run(program, [...args, 'nfs-ls', 'nfs://10.254.0.5/shares/s'], {
    timeout: 20_000,
  });
  return stdout;
}

const mentions = (all: string[], text: string) => all.filter((line) => line.includes(text));
/** Of this test's hosts: others may run on the machine. */
const namespaces = async () => mentions(await lines('ip', 'netns', 'list'), ourPrefix());
const ourPrefix = () => new Names(join(folder, 'hosts')).prefix;

let vm: ServerSpec;

beforeAll(async () => {
  folder = await newFolder();
  const [imageFile = ''] = await lines('image/build', '--print-path');
  await stat(imageFile);
  hosts = await newHosts();
  vm = server('vm', serverPort, { imageFile, rootDiskGib: 3 });
  await hosts.startServer(vm);
  client = await loginWhenUp(hosts, serverPort, BOOT_LIMIT_MS);
});

afterAll(async () => {
  client?.end();
  await hosts?.destroy();
  await rm(folder, { recursive: true, force: true });
});

describe('QEMU hosts', () => {
  it('boot an image that takes its address from DHCP and its keys from the config drive', async () => {
    expect(await output(client, 'ip -4 -br addr show eth0')).toContain(' 10.254.0.5/28 ');
    expect(await output(client, 'cat /sys/class/net/eth0/mtu')).toBe('1400\n');
    const routes = await output(client, 'ip route');
    expect(routes).toContain('default via 10.254.0.1 ');
    expect(routes).toContain('192.0.2.0/24 via 10.254.0.14 ');
    expect(Number(await output(client, 'lsblk -bdno SIZE /dev/vda'))).toBe(3 * 1024 ** 3);
    expect(await hosts.consoleLog('vm')).toEqual(expect.any(String));
  });

  it('start no SSH server before they have read the host key that they shall have', async () => {
    const key = '/etc/ssh/ssh_host_ed25519_key';
    const told = await output(
      client,
      `drive=/dev/disk/by-label/config-2 limit=/run/systemd/system/service-image-metadata.service.d
       mkdir -p $limit
       printf '[Service]\nTimeoutStartSec=3\n' >$limit/test.conf
       systemctl daemon-reload
       rm ${key} ${key}.pub
       mv $drive $drive.away
       systemctl restart service-image-metadata 2>/dev/null || systemctl is-active ssh || :
       ls ${key} 2>/dev/null || :
       mv $drive.away $drive
       rm -r $limit
       systemctl daemon-reload
       for try in {1..100}; do ! systemctl -q is-active ssh || break; sleep 0.5; done
       systemctl is-active ssh`,
    );
    expect(told).toBe('inactive\nactive\n');
    const another = await login(hosts, serverPort);
    another.end();
  });

  it('have no link to the network namespace of the machine', async () => {
    expect((await namespaces()).length).toBeGreaterThan(3);
    expect(mentions(await lines('ip', '-o', 'link'), ourPrefix())).toEqual([]);
  });

  it('plug, grow and unplug a disk that the guest finds by its serial', async () => {
    const disk = await volume(folder, volumeId, 1);
    const size = `for try in {1..100}; do [[ -e ${device} ]] && break; sleep 0.1; done; blockdev --getsize64 ${device}`;
    await hosts.attachVolume('vm', disk);
    await hosts.attachVolume('vm', disk);
    expect(Number(await output(client, size))).toBe(1024 ** 3);

    await truncate(disk.file, 2 * 1024 ** 3);
    await hosts.volumeResized('vm', disk);
    expect(Number(await output(client, size))).toBe(2 * 1024 ** 3);

    await hosts.detachVolume('vm', volumeId);
    await hosts.detachVolume('vm', volumeId);
    await output(client, `udevadm settle; test ! -e ${device}`);
    await hosts.attachVolume('vm', disk);
    await output(client, size);
  });

  it('serve NFS through the router to the client that is allowed, and to no other', async () => {
    await output(
      client,
      `mkfs.ext4 -q -L label ${device}
       mkdir -p /shares/s /etc/exports.d
       echo "LABEL=label /shares/s ext4 defaults,nofail 0 2" >>/etc/fstab
       mount /shares/s
       echo "/shares/s 10.1.0.7(rw,no_subtree_check,no_root_squash)" >/etc/exports.d/s.exports
       exportfs -r`,
    );
    expect(await list(await hosts.plugClient(allowed))).toContain('lost+found');
    await expect(list(await hosts.plugClient(stranger))).rejects.toThrow(/Permission denied/);
    // The same address on a network without a way to the server.
    await expect(list(await hosts.plugClient(namesake))).rejects.toThrow();
    await hosts.unplugClient(stranger.id);
    expect(mentions(await namespaces(), `client-${stranger.id}`)).toEqual([]);
  });

  it('say why a connection could not be made', async () => {
    const refused = { networkId: 'net-service', address: '10.254.0.5', port: 9 };
    await expect(hosts.connect(refused)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const nobody = { networkId: 'net-service', address: '10.254.0.9', port: 22 };
    await expect(hosts.connect(nobody)).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
  });

  it('are taken over by another process as they run', async () => {
    hosts = await newHosts();
    expect(await hosts.isRunning('vm')).toBe(true);
    expect(await output(client, 'echo still here')).toBe('still here\n');
    const another = await login(hosts, serverPort);
    expect(await output(another, 'findmnt -n -o LABEL /shares/s')).toBe('label\n');
    another.end();
  });

  it('show their commands to who has a key that opens them', async () => {
    const sshKeyFile = join(folder, 'user-key');
    await writeFile(sshKeyFile, userKey.private, { mode: 0o600 });
    hosts = await newHosts({ sshKeyFile });
    const ended: [string, string, number][] = [];
    hosts.watchCommands?.((serverId) => ({
      named: (name) => ({
        fault: undefined,
        begins: async () => undefined,
        ended: (status) => void ended.push([serverId, name, status]),
      }),
      unnamed: ({ programs, status }) => void ended.push([serverId, programs, status]),
    }));
    const watched = await login(hosts, serverPort);
    expect(await output(watched, 'id -un; echo "$1"', 'argument')).toBe('root\nargument\n');
    expect((await execute(watched, 'cat; exit 3', 'no fields')).code).toBe(3);
    expect(ended).toEqual([
      ['vm', 'test', 0],
      ['vm', 'cat ; exit', 3],
    ]);
    watched.end();
    hosts = await newHosts();
  });

  it('reboot in good order, with disks, mounts and exports as before', async () => {
    const bootId = 'cat /proc/sys/kernel/random/boot_id';
    const before = await output(client, `echo unsynced >/shares/s/file; ${bootId}`);
    await hosts.rebootServer('vm', 'soft');
    client.end();
    client = await loginWhenUp(hosts, serverPort, BOOT_LIMIT_MS);
    expect(await output(client, bootId)).not.toBe(before);
    expect(await output(client, 'cat /shares/s/file; exportfs -s')).toMatch(
      /^unsynced\n\/shares\/s\s+10\.1\.0\.7\(/,
    );
    expect(await list(await hosts.plugClient(allowed))).toContain('file');
  });

  it('keep their disks when everything is switched off, and come up again with them', async () => {
    client.end();
    await hosts.powerOff();
    expect(await namespaces()).toEqual([]);
    hosts = await newHosts();
    expect(await hosts.isRunning('vm')).toBe(false);
    await hosts.startServer(vm);
    client = await loginWhenUp(hosts, serverPort, BOOT_LIMIT_MS);
    expect(await output(client, 'cat /shares/s/file; exportfs -s')).toContain(
      'unsynced\n/shares/s',
    );
  });

  it('leave no process, namespace or file behind when they are destroyed', async () => {
    const runFolder = z
      .object({ folder: z.string() })
      .parse(JSON.parse(await readFile(join(folder, 'hosts/run-folder.json'), 'utf8'))).folder;
    client.end();
    await hosts.destroy();
    await hosts.destroy();
    expect(await namespaces()).toEqual([]);
    expect(mentions(await lines('ps', '-eo', 'args'), folder)).toEqual([]);
    expect(await readdir(join(folder, 'hosts'))).toEqual([]);
    await expect(stat(runFolder)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
