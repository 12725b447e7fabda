import { expect, it } from 'vitest';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createHosts } from '../../devcloud/hosts/create-hosts.js';
import { login, newFolder, output, port, run, server, silent, subnet } from './host-session.js';

const asRoot = process.getuid?.() === 0;

// All that holds of simulated hosts holds where their root is their commands' own.
if (asRoot) {
  process.env.HAWSER_TEST_ROOTED = '1';
  await import('./hosts-simulated.test.js');
}

it.skipIf(!asRoot)('keeps absolute paths of commands on their host', async () => {
  const folder = await newFolder();
  const stateDir = join(folder, 'hosts');
  const hosts = createHosts({ kind: 'simulated', stateDir, log: silent, rooted: true });
  await hosts.start();
  const at = port('a', '10.0.0.5');
  await hosts.applyNetworks({
    networks: [],
    subnets: [subnet('a', '10.0.0.0/24')],
    ports: [at],
    routers: [],
  });
  await hosts.startServer(server('one', at));
  const client = await login(hosts, at);
  try {
    await output(client, 'echo kept | sudo tee /etc/hawser-test /dev/null');
    expect(await output(client, 'cat /etc/hawser-test; pwd')).toBe('kept\n/home/manila\n');
    expect(await run(client, 'touch /usr/bin/hawser-test')).toMatchObject({ code: 1 });
    expect(await run(client, `ls ${import.meta.dirname}`)).toMatchObject({ code: 2 });
    expect(await run(client, 'echo x >/proc/sys/kernel/hostname')).toMatchObject({ code: 1 });
  } finally {
    client.end();
    await hosts.destroy();
    await rm(folder, { recursive: true, force: true });
  }
});
