import { expect, test } from 'vitest';
import { waitForAgent } from '../../host-interface/port-state.js';
import type { Networks, Port } from '../../openstack/network.js';

test('an agent is given up before a login by SSH is, so that the reason is told', async () => {
  const port = { id: 'port-1', status: 'DOWN' } as Port;
  const network = { getPort: async () => port } as unknown as Networks;
  const waited = waitForAgent(network, port, 'host-1', new AbortController().signal);
  const tooLong = new Promise((resolve) => setTimeout(resolve, 14_000, 'a login ends'));
  await expect(Promise.race([waited, tooLong])).rejects.toMatchObject({
    name: 'HostInterfaceNotReady',
    message: expect.stringMatching(/host-1.*port-1.*DOWN/),
  });
});

test('a status that nobody has heard of is waited through', async () => {
  const port = { id: 'port-1', status: 'DOWN' } as Port;
  const seen = ['IN-LIMBO', 'ACTIVE'];
  const network = {
    getPort: async () => ({ ...port, status: seen.shift() }),
  } as unknown as Networks;
  await waitForAgent(network, port, 'host-1', new AbortController().signal);
  expect(seen).toEqual([]);
});
