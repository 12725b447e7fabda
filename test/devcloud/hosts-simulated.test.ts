import { execFile } from 'node:child_process';
import { readdir, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createHosts } from '../../devcloud/hosts/create-hosts.js';
import type { Hosts } from '../../devcloud/hosts/hosts.js';
import {
  execute,
  login,
  newFolder,
  output,
  port,
  run,
  server,
  silent,
  subnet,
  volume,
} from './host-session.js';

const onePort = port('a', '10.0.0.5');
const otherPort = port('a', '10.0.0.6');
const samePlaceElsewhere = port('b', '10.0.0.5');
const plane = {
  networks: [
    { id: 'net-a', mtu: 1500 },
    { id: 'net-b', mtu: 1500 },
  ],
  subnets: [subnet('a', '10.0.0.0/24'), subnet('b', '10.0.0.0/24')],
  ports: [onePort, otherPort, samePlaceElsewhere],
  routers: [],
};
const volumeId = '5f0c3b52-7d9e-4c1a-9b7e-0123456789ab';
const device = '$r/dev/disk/by-id/virtio-5f0c3b52-7d9e-4c1a-9';

/** Whether commands have their host's root as their own: see rooted-hosts.test.ts. */
const rooted = process.env.HAWSER_TEST_ROOTED === '1';

let folder: string;
let hosts: Hosts;
let client: ssh2.Client;

async function newHosts(): Promise<Hosts> {
  const stateDir = join(folder, 'hosts');
  const made = createHosts({ kind: 'simulated', stateDir, log: silent, rooted });
  await made.start();
  await made.applyNetworks(plane);
  return made;
}

beforeEach(async () => {
  folder = await newFolder();
  hosts = await newHosts();
  await hosts.startServer(server('one', onePort));
  client = await login(hosts, onePort);
});

afterEach(async () => {
  client.end();
  await hosts.destroy();
  await rm(folder, { recursive: true, force: true });
});

/** A formatted volume, attached to `one` and mounted at /shares/s. */
async function mountedVolume() {
  const disk = await volume(folder, volumeId, 1);
  await hosts.attachVolume('one', disk);
  await output(
    client,
    `mkfs.ext4 -q -L label -m 0 ${device}
     mkdir -p $r/shares/s
     mount ${device} $r/shares/s
     echo kept >$r/shares/s/file`,
  );
  return disk;
}

const addToFstab = `echo "UUID=$(blkid -o value -s UUID ${device}) /shares/s ext4 defaults,nofail 0 2" >>$r/etc/fstab`;

describe('the SSH server of a simulated host', () => {
  it('lets in only manila, only with a key of the config drive', async () => {
    const stranger = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private;
    await expect(login(hosts, onePort, { username: 'root' })).rejects.toThrow(/authentication/);
    await expect(login(hosts, onePort, { privateKey: stranger })).rejects.toThrow(/authentication/);
    const withPassword = { privateKey: undefined, password: 'manila' };
    await expect(login(hosts, onePort, withPassword)).rejects.toThrow(/authentication/);
  });

  it('generates a host key when the config drive has none', async () => {
    await hosts.startServer(server('two', otherPort, { configDrive: {} }));
    await expect(login(hosts, otherPort)).rejects.toThrow(/Host denied/);
  });

  it('passes input, output, errors, exit codes and signals', async () => {
    expect(await execute(client, 'cat; echo problem >&2; exit 7', 'input')).toEqual({
      code: 7,
      signal: undefined,
      stdout: 'input',
      stderr: 'problem\n',
    });
    expect(await execute(client, 'kill -TERM $$')).toMatchObject({ code: null, signal: 'SIGTERM' });
  });

  it('passes arguments as data and ends a script at its time limit', async () => {
    const odd = ["a b'\n", '$(id)', ''];
    expect(await output(client, 'printf "<%s>" "$@"', ...odd)).toBe("<a b'\n><$(id)><>");
    const fields = ['0.1', 'sleep 30', 'slow'].map((field) => `${field}\0`).join('');
    const form = `sudo -n /bin/bash -c 'mapfile -d "" -t f && exec timeout "\${f[@]:0:1}" /bin/bash -c "\${f[1]}"'`;
    expect(await execute(client, form, fields)).toMatchObject({ code: 124 });
  });

  it('tells of commands that say no name, by their programs', async () => {
    const seen: string[] = [];
    hosts.watchCommands?.((id) => ({
      named: (name) => {
        throw new Error(`${name} says a name`);
      },
      unnamed: ({ programs, status }) => void seen.push(`${id} ${programs} ${status}`),
    }));
    await execute(client, 'cat /etc/exports | grep share-5f0c | sudo tee /dev/null');
    await execute(client, 'sudo mkdir -p /dev/null/x && sudo net conf list');
    expect(seen).toEqual(['one cat | grep | tee 0', 'one mkdir -p && net conf list 1']);
  });

  it('gives commands neither the environment nor the tools of the machine it runs on', async () => {
    process.env.HAWSER_TEST_SECRET = 'secret';
    const env = await output(client, 'env');
    delete process.env.HAWSER_TEST_SECRET;
    expect(env).not.toContain('secret');
    expect(env).toContain(`${rooted ? 'SIMULATED' : 'HAWSER'}_ROOT=${folder}`);
    for (const tool of ['reboot', 'mkfs.xfs', 'node']) {
      expect(await run(client, tool)).toMatchObject({ code: 127 });
    }
  });

  it('is found by network and address, and only on port 22', async () => {
    await hosts.startServer(server('elsewhere', samePlaceElsewhere));
    const there = await login(hosts, samePlaceElsewhere);
    expect(await output(there, 'echo $SIMULATED_ROOT')).toContain('/elsewhere/');
    there.end();
    const target = { networkId: 'net-a', address: '10.0.0.5', port: 2049 };
    await expect(hosts.connect(target)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const nobody = { networkId: 'net-a', address: '10.0.0.99', port: 22 };
    await expect(hosts.connect(nobody)).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
  });

  it('ends a command with its connection, unless told to behave as OpenSSH', async () => {
    const slow = (mark: string) => `sleep 0.4; touch $HAWSER_ROOT/run/${mark}`;
    const cut = async (mark: string) => {
      const connection = await login(hosts, onePort);
      connection.exec(slow(mark), () => undefined);
      await sleep(100);
      connection.destroy();
      await sleep(100);
    };
    await cut('ended');
    await hosts.setFaults?.('one', ['commands-outlive-connections']);
    await cut('went-on');
    await sleep(700);
    expect(await output(client, 'ls $r/run')).toBe('went-on\n');
  });

  it('can be made to refuse, to keep silent and to prove another key', async () => {
    await hosts.setFaults?.('one', ['ssh-refused']);
    await expect(login(hosts, onePort)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await hosts.setFaults?.('one', ['ssh-silent']);
    await expect(login(hosts, onePort, { readyTimeout: 200 })).rejects.toThrow(/Timed out/);
    await hosts.setFaults?.('one', ['host-key-changed']);
    await expect(login(hosts, onePort)).rejects.toThrow(/Host denied/);
    await hosts.setFaults?.('one', []);
    const again = await login(hosts, onePort);
    again.end();
  });

  it('moves to other ports when it is started with them', async () => {
    await hosts.stopServer('one', 'soft');
    await hosts.startServer(server('one', otherPort));
    await expect(login(hosts, onePort)).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    client = await login(hosts, otherPort);
    expect(await output(client, 'ip -j addr')).toContain('10.0.0.6');
  });
});

describe('disks and file systems of a simulated host', () => {
  it('show a disk by its serial, format it once, and mount what is there', async () => {
    await hosts.attachVolume('one', await volume(folder, volumeId, 1));
    expect(await run(client, `blkid -p ${device}`)).toMatchObject({ code: 2, stdout: '' });
    expect(await output(client, `wipefs -n ${device}`)).toBe('');
    expect(await run(client, `mkdir -p $r/s; mount ${device} $r/s`)).toMatchObject({
      code: 32,
      stderr: expect.stringContaining('wrong fs type'),
    });

    await output(client, `mkfs.ext4 -q -L a-label -m 0 ${device}; mount ${device} $r/s`);
    const seen = await output(client, `blkid --probe --output export ${device}`);
    expect(seen).toContain('LABEL=a-label\n');
    expect(seen).toContain('TYPE=ext4\n');
    expect(await output(client, `wipefs --no-act --parsable --noheadings ${device}`)).toMatch(
      /^0x438,[-0-9a-f]{36},a-label,ext4\n$/,
    );
    expect(await output(client, 'findmnt -n -o LABEL,OPTIONS $r/s')).toBe('a-label rw,relatime\n');
    expect(await output(client, 'stat -c %a $r/s/lost+found')).toBe('700\n');
  });

  it('remember which of them was formatted while it had a file system', async () => {
    await hosts.attachVolume('one', await volume(folder, volumeId, 1));
    const overwritten = async () =>
      readFile(join(folder, 'hosts/machines/one/kernel/overwritten'), 'utf8').catch(() => '');
    await output(client, `mkfs.ext4 -q ${device}; wipefs -a ${device}; mkfs.ext4 -q ${device}`);
    expect(await overwritten()).toBe('');
    await output(client, `mkfs.ext4 -q ${device}`);
    expect(await overwritten()).toBe(`${volumeId}\n`);
  });

  it.each([
    ['mkfs.ext4 DEVICE', 1, 'is mounted; will not make a filesystem here!'],
    ['mount DEVICE $r/shares/s', 32, 'already mounted'],
    ['mount /dev/nope $r/shares/s', 32, 'special device /dev/nope does not exist'],
    ['mount UUID=0-0 $r/shares/s', 1, "can't find UUID=0-0"],
    ['umount $r/shares', 32, 'not mounted'],
    ['mountpoint $r/nowhere', 1, 'No such file or directory'],
    ['mountpoint -q $r/shares', 32, ''],
    ['findmnt $r/shares', 1, ''],
    ['e2fsck -f -y DEVICE', 8, 'is mounted'],
    ['resize2fs DEVICE 100M', 1, 'On-line shrinking not supported'],
    ['tune2fs -U random DEVICE', 1, 'only be changed when the filesystem is unmounted'],
    ['wipefs -a DEVICE', 1, 'Device or resource busy'],
    ['fsfreeze -u $r/shares/s', 1, 'unfreeze failed: Invalid argument'],
    ['(cd $r/shares/s; umount $r/shares/s)', 32, 'target is busy'],
  ])('answer %s with %i', async (command, code, stderr) => {
    await mountedVolume();
    const ending = await run(client, command.replaceAll('DEVICE', device));
    expect(ending).toMatchObject({ code, stderr: expect.stringContaining(stderr) });
    expect(await output(client, 'cat $r/shares/s/file')).toBe('kept\n');
  });

  it('are block devices to test, in mtab, and measured by df in units of its own', async () => {
    await mountedVolume();
    expect(await output(client, 'cat $r/etc/mtab')).toBe(
      '/dev/vdb /shares/s ext4 rw,relatime 0 0\n',
    );
    expect(await run(client, `sudo test -b ${device}`)).toMatchObject({ code: 0 });
    expect(await run(client, 'sudo test -b $r/etc/mtab')).toMatchObject({ code: 1 });
    expect(await output(client, 'df -PBM $r/shares/s')).toMatch(/ 9\d\dM +1M +9\d\dM /);
    await output(client, 'umount $r/shares/s');
    expect(await output(client, 'cat $r/etc/mtab')).toBe('');
  });

  it('carry what was written to another server, under whatever name the disk has there', async () => {
    const disk = await mountedVolume();
    await output(client, 'umount $r/shares/s; test ! -e $r/shares/s/file');
    await hosts.detachVolume('one', volumeId);
    expect(await output(client, 'ls $r/dev/disk/by-id')).toBe('');

    await hosts.startServer(server('two', otherPort));
    const other = await login(hosts, otherPort);
    await hosts.attachVolume('two', await volume(folder, 'first-of-all', 1));
    await hosts.attachVolume('two', disk);
    await output(other, `mkdir -p $r/mnt; mount ${device} $r/mnt`);
    expect(await output(other, 'cat $r/mnt/file; findmnt -n -o SOURCE $r/mnt')).toMatch(
      /^kept\n.*\/dev\/vdc\n$/,
    );
    other.end();
  });

  it('tell a foreign signature, and a wiped one no more', async () => {
    const disk = await volume(folder, volumeId, 1);
    await promisify(execFile)('/usr/sbin/mkswap', ['-L', 'foreign', disk.file]);
    await hosts.attachVolume('one', disk);
    expect(await output(client, `blkid -p -o value -s TYPE ${device}`)).toBe('swap\n');
    expect(await output(client, `wipefs -n -p --noheadings ${device}`)).toContain(',swap');
    await output(client, `wipefs -a ${device}; mkfs.ext3 -q ${device}; wipefs -a ${device}`);
    expect(await run(client, `blkid -p ${device}`)).toMatchObject({ code: 2 });
    expect(await run(client, `mkdir $r/s; mount ${device} $r/s`)).toMatchObject({ code: 32 });
  });

  it('grow while mounted, and shrink only checked, unmounted and not below the content', async () => {
    const disk = await mountedVolume();
    await truncate(disk.file, 3 * 1024 ** 3);
    await hosts.volumeResized('one', disk);
    await output(client, `resize2fs ${device}`);
    const size = 'df -B1 --output=size $r/shares/s | tail -n 1';
    expect(Number(await output(client, size))).toBeGreaterThan(2.8 * 1024 ** 3);

    await output(client, 'umount $r/shares/s');
    expect(await run(client, `resize2fs ${device} 1G`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("run 'e2fsck -f"),
    });
    expect(await run(client, `e2fsck -fy ${device}; resize2fs ${device} 8M`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('smaller than minimum'),
    });
    await output(client, `resize2fs ${device} 1G; mount ${device} $r/shares/s`);
    expect(Number(await output(client, size))).toBeLessThan(1024 ** 3);
  });

  it('copy with their content, mounted or not, and go with it', async () => {
    const disk = await mountedVolume();
    const copy = await volume(folder, 'copy', 2);
    await hosts.copyVolume(disk, copy);
    await output(client, 'echo changed >$r/shares/s/file');
    await hosts.attachVolume('one', copy);
    await output(client, 'mkdir $r/c; mount $r/dev/disk/by-id/virtio-copy $r/c');
    expect(await output(client, 'cat $r/c/file')).toBe('kept\n');

    await output(client, 'umount $r/c');
    await hosts.detachVolume('one', 'copy');
    expect((await stat(copy.file)).size).toBe(2 * 1024 ** 3);
    await hosts.removeVolume(copy);
    expect((await readdir(folder)).filter((name) => name.includes('copy'))).toEqual([]);
  });

  it('copy whole while their content changes', async () => {
    const disk = await mountedVolume();
    const copy = await volume(folder, 'copy', 2);
    await output(client, 'cd $r/shares/s; touch kept{1..20}');
    const writing = run(
      client,
      'cd $r/shares/s; while [[ -e file ]]; do for n in {1..9}; do : >new$n; mv new$n old; rm old; done; sleep 0.01; done',
    );
    try {
      for (let copies = 0; copies < 20; copies += 1) {
        await hosts.copyVolume(disk, copy);
        const names = await readdir(`${copy.file}.content`);
        expect(names.filter((name) => name.startsWith('kept'))).toHaveLength(20);
      }
    } finally {
      await output(client, 'rm $r/shares/s/file');
      await writing;
    }
  });

  it('copy while other hosts come and go', async () => {
    await mountedVolume();
    // No host has it: it is looked for on all of them.
    const disk = await volume(folder, 'unattached', 1);
    const copy = await volume(folder, 'copy', 2);
    const over = new AbortController();
    const comeAndGo = async () => {
      while (!over.signal.aborted) {
        await hosts.startServer(server('two', otherPort));
        await hosts.deleteServer('two');
      }
    };
    const others = comeAndGo();
    try {
      for (let copies = 0; copies < 200; copies += 1) await hosts.copyVolume(disk, copy);
    } finally {
      over.abort();
      await others;
    }
  });

  it('survive that a disk is pulled from under a mount', async () => {
    const disk = await mountedVolume();
    await hosts.detachVolume('one', volumeId);
    expect(await readFile(`${disk.file}.content/file`, 'utf8')).toBe('kept\n');
    await output(client, 'mountpoint -q $r/shares/s; umount $r/shares/s');
  });

  it('get a disk whose plugging was cut off, and boot with it', async () => {
    const disk = await volume(folder, volumeId, 1);
    await hosts.attachVolume('one', disk);
    const machine = dirname((await output(client, 'echo $SIMULATED_ROOT')).trim());
    const [name = ''] = await readdir(join(machine, 'kernel/disks'));
    const cutOff = async () => {
      await rm(join(machine, 'root/dev/disk/by-id/virtio-5f0c3b52-7d9e-4c1a-9'));
      await rm(join(machine, 'kernel/disks', name));
    };
    await cutOff();
    await hosts.attachVolume('one', disk);
    expect(await output(client, 'ls $r/dev/disk/by-id; ls $r/dev | grep vd')).toBe(
      `virtio-5f0c3b52-7d9e-4c1a-9\n${name}\n`,
    );

    await cutOff();
    await hosts.rebootServer('one', 'hard');
    client = await login(hosts, onePort);
    expect(await output(client, `readlink ${device}`)).toBe(`../../${name}\n`);
  });

  it('complete a mount whose command was killed between its steps', async () => {
    await mountedVolume();
    const root = (await output(client, 'echo $SIMULATED_ROOT')).trim();
    const [mount = ''] = await readdir(join(dirname(root), 'kernel', 'mounts'));
    const disk = join(folder, `volume-${volumeId}`);
    await rename(join(root, 'shares/s'), `${disk}.content`);
    expect(await output(client, 'mountpoint -q $r/shares/s; cat $r/shares/s/file')).toBe('kept\n');

    await rename(join(root, 'shares/s'), `${disk}.content`);
    await rename(join(dirname(root), 'kernel/under', mount), join(root, 'shares/s'));
    expect(await output(client, 'mountpoint -q $r/shares/s; cat $r/shares/s/file')).toBe('kept\n');
  });

  it('keep a disk hidden while told so', async () => {
    await hosts.setFaults?.('one', ['disks-hidden']);
    await hosts.attachVolume('one', await volume(folder, volumeId, 1));
    expect(await output(client, 'ls $r/dev/disk/by-id')).toBe('');
    await hosts.setFaults?.('one', []);
    await output(client, `test -e ${device}`);
  });
});

describe('NFS exports of a simulated host', () => {
  const exportLine = (line: string) =>
    run(
      client,
      'mkdir -p $r/shares/s $r/etc/exports.d; echo "$1" >$r/etc/exports.d/s.exports; exportfs -r; exportfs -s',
      line,
    );

  it('are made and unmade by hand, for IPv6 addresses and prefixes too', async () => {
    const { stdout } = await run(
      client,
      `mkdir -p $r/shares/v6
       exportfs -o ro "[::/0]:$r/shares/v6" && exportfs -o ro "[2001:db8::]/32:$r/shares/v6" "10.0.0.9:$r/shares/v6"
       exportfs -u "[::/0]:$r/shares/v6"; exportfs -s | grep v6 | sed "s|^$r||"; exportfs -u "[2001:db8::/32]:$r/shares/v6" "10.0.0.9:$r/shares/v6"`,
    );
    expect(stdout).toMatch(
      /^\/shares\/v6 {2}10\.0\.0\.9\(.*\n\/shares\/v6 {2}2001:db8::\/32\(.*\n$/,
    );
  });

  it('are read from exports.d and shown as exportfs shows them', async () => {
    const options = 'sync,no_subtree_check,no_root_squash';
    const { code, stdout } = await exportLine(
      `/shares/s 10.0.0.0/24(ro,${options}) 10.0.0.7(rw,${options}) *(ro,no_subtree_check) 2001:db8::1(rw,${options})`,
    );
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      '/shares/s  10.0.0.7(sync,wdelay,hide,no_subtree_check,sec=sys,rw,no_root_squash,no_all_squash)',
      '/shares/s  2001:db8::1(sync,wdelay,hide,no_subtree_check,sec=sys,rw,no_root_squash,no_all_squash)',
      '/shares/s  10.0.0.0/24(sync,wdelay,hide,no_subtree_check,sec=sys,ro,no_root_squash,no_all_squash)',
      '/shares/s  *(sync,wdelay,hide,no_subtree_check,sec=sys,ro,root_squash,no_all_squash)',
      '',
    ]);
    expect(await output(client, 'exportfs -v | tail -n 1')).toBe(
      '/shares/s     \t<world>(sync,wdelay,hide,no_subtree_check,sec=sys,ro,root_squash,no_all_squash)\n',
    );
    expect(await output(client, 'rm $r/etc/exports.d/s.exports; exportfs -r; exportfs -s')).toBe(
      '',
    );
  });

  it('are in force where links lead to, and where a path leads nowhere under its own name', async () => {
    await output(client, 'mkdir -p $r/shares/s; ln -s $r/shares/s $r/shares/link');
    const { stdout } = await exportLine('/shares/link 10.0.0.1(rw,no_subtree_check)');
    expect(stdout).toMatch(/^\/shares\/s {2}10\.0\.0\.1\(/);
    await exportLine('/shares/none/ 10.0.0.1(rw,no_subtree_check)');
    expect(await output(client, 'exportfs -s')).toMatch(/^\/shares\/none {2}10\.0\.0\.1\(/);
  });

  it.each([
    ['/shares/s 10.0.0.1(rw,bogus)', 's.exports:1: unknown keyword "bogus"'],
    ['/shares/s 10.0.0.1(rw', 's.exports:1: syntax error: bad option list'],
    ['/shares/none 10.0.0.1(rw,no_subtree_check)', 'Failed to stat /shares/none: No such file'],
    ['/shares/s 10.0.0.1/33(rw,no_subtree_check)', "Invalid prefix `33' for 10.0.0.1/33"],
    [
      '/shares/s 10.0.0.1(rw,no_subtree_check) 10.0.0.1(rw,no_subtree_check)',
      'duplicated export entries',
    ],
  ])('refuse %s', async (line, complaint) => {
    expect(await exportLine(line)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(complaint),
    });
  });

  it('pass over a client that has no address, with a warning', async () => {
    expect(await exportLine('/shares/s 10.0.0.300(rw,no_subtree_check)')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('Failed to resolve 10.0.0.300'),
    });
  });
});

describe('CIFS shares of a simulated host', () => {
  it('are kept by net conf, under the names that Samba gives to parameters', async () => {
    await output(
      client,
      `net conf addshare s /shares/s writeable=y guest_ok=y 'a comment'
       net conf setparm s 'allow hosts' '10.0.0.1 10.0.0.2'
       net conf setparm S browsable no
       smbcontrol smbd reload-config`,
    );
    expect(await output(client, 'net conf list')).toBe(
      '[s]\n\tpath = /shares/s\n\tcomment = a comment\n\tguest ok = yes\n\tread only = no\n' +
        '\thosts allow = 10.0.0.1 10.0.0.2\n\tbrowseable = no\n\n',
    );
    expect(await output(client, 'net conf getparm s "hosts allow"')).toBe('10.0.0.1 10.0.0.2\n');
    expect(await output(client, 'net conf delshare s; net conf listshares')).toBe('');
  });

  it('are replaced one at a time by an import with a name, all by one without', async () => {
    const script = `
      net conf addshare other /o
      printf '[s]\\n path = /s\\n writeable = yes\\n[t]\\n path = /t\\n' >$r/tmp/conf
      net conf import $r/tmp/conf s
      net conf listshares
      net conf showshare s
      net conf import $r/tmp/conf
      net conf listshares`;
    expect(await output(client, script)).toBe(
      'other\ns\n[s]\n\tpath = /s\n\tread only = no\ns\nt\n',
    );
  });

  it.each([
    ['addshare s relative', "path 'relative' is not an absolute path"],
    ['addshare a/b /x', 'share name a/b contains invalid characters'],
    ['addshare global /x', "'global' is not a valid share name"],
    ['addshare there /x', 'share there already exists'],
    ['delshare nope', 'Error deleting share nope: SBC_ERR_NO_SUCH_SERVICE'],
    ['showshare nope', 'SBC_ERR_NO_SUCH_SERVICE'],
    ['getparm there comment', "given parameter 'comment' is not set"],
    ['getparm nope path', "given service 'nope' does not exist"],
    ['setparm there nonsense x', "Invalid parameter 'nonsense' given"],
    ["setparm there 'read only' maybe", "invalid value 'maybe' given for parameter 'read only'"],
    ['setparm there workgroup x', "Global parameter 'workgroup' not allowed"],
    ["setparm there 'valid users'", 'Usage:'],
    ['import /nope', "error loading file '/nope': SBC_ERR_BADFILE"],
  ])('refuse net conf %s', async (command, complaint) => {
    await output(client, 'net conf addshare there /x');
    expect(await run(client, `net conf ${command}`)).toMatchObject({
      code: 255,
      stderr: expect.stringContaining(complaint),
    });
    expect(await output(client, 'net conf listshares')).toBe('there\n');
  });
});

describe('the life of a simulated host', () => {
  it('mounts fstab and exports again after a reboot, and leaves nothing running', async () => {
    await mountedVolume();
    await output(
      client,
      `${addToFstab}
       mkdir -p $r/etc/exports.d $r/loose
       echo "/shares/s 10.0.0.7(rw,no_subtree_check)" >$r/etc/exports.d/s.exports
       exportfs -r
       mkdir -p $r/run/lock; touch $r/run/lock/taken $r/tmp/scratch
       setsid sleep 1000 >/dev/null 2>&1 &`,
    );
    const interrupted = execute(client, 'sleep 1000').catch(() => 'cut off');
    await sleep(50);
    await hosts.rebootServer('one', 'soft');
    await interrupted;

    client = await login(hosts, onePort);
    expect(await output(client, 'mountpoint -q $r/shares/s; cat $r/shares/s/file')).toBe('kept\n');
    expect(await output(client, 'exportfs -s')).toContain('/shares/s  10.0.0.7(');
    expect(await output(client, 'ls $r/run $r/tmp')).not.toMatch(/taken|lock|scratch/);
  });

  it('boots without a volume that is gone, and gives the content back when stopped', async () => {
    const disk = await mountedVolume();
    await output(client, addToFstab);
    await hosts.stopServer('one', 'hard');
    expect(await hosts.isRunning('one')).toBe(false);
    await expect(login(hosts, onePort)).rejects.toMatchObject({ code: 'EHOSTUNREACH' });
    expect(await readFile(`${disk.file}.content/file`, 'utf8')).toBe('kept\n');

    await hosts.detachVolume('one', volumeId);
    await hosts.startServer(server('one', onePort));
    client = await login(hosts, onePort);
    expect(await run(client, 'mountpoint -q $r/shares/s')).toMatchObject({ code: 32 });
    await hosts.attachVolume('one', disk);
    expect(await output(client, 'mount $r/shares/s; cat $r/shares/s/file')).toBe('kept\n');
  });

  it('is taken over by another process with its disks, mounts and running commands', async () => {
    await mountedVolume();
    await output(client, 'setsid bash -c "sleep 0.5; touch $r/tmp/went-on" >/dev/null 2>&1 &');
    hosts = await newHosts();
    expect(await hosts.isRunning('one')).toBe(true);
    client = await login(hosts, onePort);
    expect(await output(client, 'cat $r/shares/s/file; exportfs -s')).toBe('kept\n');
    await sleep(700);
    await output(client, 'test -e $r/tmp/went-on; umount $r/shares/s');
    await hosts.detachVolume('one', volumeId);
  });

  it('leaves the volumes whole and nothing else when it is deleted', async () => {
    const disk = await mountedVolume();
    await hosts.deleteServer('one');
    await hosts.deleteServer('one');
    expect(await readFile(`${disk.file}.content/file`, 'utf8')).toBe('kept\n');
    expect(await readdir(join(folder, 'hosts', 'machines'))).toEqual([]);
  });

  it('keeps private keys from others', async () => {
    const { mode } = await stat(join(folder, 'hosts/machines/one/machine.json'));
    expect(mode & 0o077).toBe(0);
  });
});
