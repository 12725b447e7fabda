import { existsSync, readdirSync } from 'node:fs';
import { findCommand, run } from '../commands.mjs';
import { findPython } from '../python.mjs';
import { SetupError } from '../setup-error.mjs';
import { manila } from './manila.mjs';
import { openstackClient } from './openstack-client.mjs';
import { serviceImage } from './service-image.mjs';
import { temporal } from './temporal.mjs';

/** A package is there when its command is, so that a program that came another way counts too. */
const machines = {
  'qemu-system-x86': 'qemu-system-x86_64',
  'qemu-utils': 'qemu-img',
  genisoimage: 'genisoimage',
  'dnsmasq-base': 'dnsmasq',
  socat: 'socat',
  iproute2: 'ip',
  procps: 'ps',
};
const clients = { 'libnfs-utils': 'nfs-ls', smbclient: 'smbclient' };
/** Tests run one of their own in a network namespace: root can, for anybody else they are left out. */
const switches = process.getuid() === 0 ? { 'openvswitch-switch': 'ovs-vsctl' } : {};
const imageTools = {
  mmdebstrap: 'mmdebstrap',
  extlinux: 'extlinux',
  e2fsprogs: 'mke2fs',
  cpio: 'cpio',
  mount: 'losetup',
  'qemu-utils': 'qemu-img',
};
const debianKeys = '/usr/share/keyrings/debian-archive-keyring.gpg';

const lacking = (packages) => Object.keys(packages).filter((name) => !findCommand(packages[name]));

async function python(steps) {
  return steps.some((step) => step.missing()) && !(await findPython())
    ? ['python3', 'python3-venv']
    : [];
}

function image() {
  if (!serviceImage.missing()) return [];
  return [...lacking(imageTools), ...(existsSync(debianKeys) ? [] : ['debian-archive-keyring'])];
}

const step = (find) => ({
  name: 'Debian packages',

  async missing() {
    const packages = [...new Set(await find())];
    return packages.length > 0 ? packages.join(' ') : undefined;
  },

  async install() {
    const packages = [...new Set(await find())];
    if (process.getuid() === 0 && findCommand('apt-get')) await aptInstall(packages);
    else throw new SetupError(adviceFor(packages));
    const still = await find();
    if (still.length > 0)
      throw new SetupError(`installed, yet not to be found on PATH: ${still.join(' ')}`);
  },
});

export const debianPackages = {
  forPython: step(() => python([temporal])),
  forBench: step(() => python([temporal, manila])),
  forDemo: step(async () => [
    ...lacking({ ...machines, ...clients }),
    ...image(),
    ...(await python([temporal])),
  ]),
  forTest: step(async () => [
    ...lacking({ ...machines, ...clients, ...switches }),
    ...image(),
    ...(await python([temporal, openstackClient])),
  ]),
};

function adviceFor(packages) {
  const install = `sudo apt-get install --no-install-recommends ${packages.join(' ')}`;
  return findCommand('apt-get')
    ? `only root can install what is missing.\n  Run: ${install}`
    : `this system has no apt-get. Install what these packages of Debian hold: ${packages.join(' ')}`;
}

async function aptInstall(packages) {
  const apt = (...words) =>
    run(['apt-get', '-o', 'DPkg::Lock::Timeout=300', ...words], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    });
  const install = () => apt('install', '--yes', '--no-install-recommends', ...packages);
  if (!knowsPackages()) await apt('update');
  // Lists may be there and too old for what the mirror still has.
  await install().catch(async () => {
    await apt('update');
    await install();
  });
}

const knowsPackages = () => {
  try {
    return readdirSync('/var/lib/apt/lists').some((name) => /_Packages/.test(name));
  } catch {
    return false;
  }
};
