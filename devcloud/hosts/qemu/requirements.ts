import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Programs by the Debian package that has them. */
const programs: Record<string, string> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  genisoimage: 'genisoimage',
  ip: 'iproute2',
  dnsmasq: 'dnsmasq-base',
  socat: 'socat',
};

/** @throws Error that lists all that is missing and how to get it */
export async function checkRequirements(): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error(
      'QEMU hosts need root for network namespaces; run as root or use simulated hosts',
    );
  }
  const missing: string[] = [];
  for (const program of Object.keys(programs))
    if (!(await isOnPath(program))) missing.push(program);
  if (missing.length === 0) return;
  const packages = missing.map((program) => programs[program]).join(' ');
  throw new Error(
    `QEMU hosts need ${missing.join(', ')} on the PATH; install with: apt-get install --no-install-recommends ${packages}`,
  );
}

async function isOnPath(program: string): Promise<boolean> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
