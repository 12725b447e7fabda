import { HawserClient } from '../../client/index.js';
import type { SmbUser } from '../../dev/tenant-client.js';
import { openBackend } from '../../worker/backends.js';
import { loadConfig } from '../../worker/config.js';
import type { EndToEnd } from './end-to-end.js';

/** Makes users of Samba's of names and passwords, `$1 $2`, `$3 $4` and so on. */
export const makeUsers = `
while [[ $# -ge 2 ]]; do
  id "$1" >/dev/null 2>&1 || useradd --no-create-home --shell /usr/sbin/nologin "$1"
  printf '%s\\n%s\\n' "$2" "$2" | smbpasswd -s -a "$1"
  shift 2
done`;

/** Makes users on a service instance, as its operator would, by the way that workers reach it. */
export async function addSambaUsers(
  { environment, cloud }: EndToEnd,
  instanceId: string,
  users: SmbUser[],
): Promise<void> {
  const client = await HawserClient.connect({ address: environment.temporalAddress });
  const { serverId, address } = await client.getInstance(instanceId);
  await client.close();
  const { metadata } = await cloud.compute.getServer(serverId ?? '');
  const [config] = loadConfig(environment.configPath);
  if (!config || address === null) throw new Error(`nothing reaches instance ${instanceId}`);
  const backend = openBackend(config, environment.configPath);
  try {
    const args = users.flatMap(({ name, password }) => [name, password]);
    const command = { name: 'add-samba-users', script: makeUsers, args, timeoutMs: 60_000 };
    await backend.ssh.run({ address, hostKey: metadata['hawser:host_key'] ?? '' }, command);
  } finally {
    backend.ssh.close();
    await backend.cloud.session.close();
  }
}
