import { setTimeout as sleep } from 'node:timers/promises';
import ssh2 from 'ssh2';
import type { TenantClient } from '../../dev/tenant-client.js';
import { type HostKey, publicKeyOf } from '../../ssh/host-key.js';

export interface Guest {
  address: string;
  userKey: HostKey;
  hostKey: HostKey;
}

/** Who opens the connection, from wherever it is. */
type Dialler = Pick<TenantClient, 'connect'>;

const BOOT_LIMIT_MS = 300_000;

/** Logs in to a server from a machine of its tenant, once it has booted; only where it proves its key. */
export async function logInToGuest(from: Dialler, guest: Guest): Promise<ssh2.Client> {
  const end = Date.now() + BOOT_LIMIT_MS;
  for (;;) {
    try {
      return await logIn(from, guest);
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(1000);
    }
  }
}

function logIn(from: Dialler, { address, userKey, hostKey }: Guest): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  return new Promise((resolve, reject) => {
    client.once('ready', () => resolve(client)).on('error', reject);
    client.once('close', () => reject(new Error('closed')));
    client.connect({
      sock: from.connect(address, 22),
      username: 'manila',
      privateKey: userKey.privateKey,
      hostVerifier: (key: Buffer) =>
        publicKeyOf(hostKey.privateKey).split(' ')[1] === key.toString('base64'),
      readyTimeout: 30_000,
    });
  });
}
