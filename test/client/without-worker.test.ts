import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  HawserClient,
  InstanceNotFound,
  NoWorker,
  ShareNotFound,
  TemporalDenied,
} from '../../client/index.js';
import { hawser } from './command-line.js';
import { startTemporal, type TemporalServer } from './temporal-server.js';

let temporal: TemporalServer;
let client: HawserClient;

beforeAll(async () => {
  temporal = await startTemporal();
  client = await HawserClient.connect({ address: temporal.address });
});

afterAll(async () => {
  await client?.close();
  await temporal?.stop();
});

describe('a Temporal that nobody works for', () => {
  it('lists nothing, with any filter', async () => {
    expect(await client.listShares()).toEqual([]);
    expect(
      await client.listShares({
        status: 'available',
        protocol: 'NFS',
        backend: 'generic',
        serviceInstance: 'generic-1234-0',
      }),
    ).toEqual([]);
    expect(await client.listInstances()).toEqual([]);
  });

  it('refuses a share whose backend nobody serves, and starts nothing', async () => {
    const share = { id: 'lonely', protocol: 'NFS', sizeGib: 1, shareNetwork: 'net' } as const;
    await expect(client.createShare({ ...share, backend: 'typo' })).rejects.toThrow(NoWorker);
    await expect(client.getShare('lonely')).rejects.toThrow(ShareNotFound);
  });

  it('knows neither a share nor an instance that was never made', async () => {
    await expect(client.deleteShare('none')).rejects.toThrow(ShareNotFound);
    await expect(client.denyAccess('none', '10.0.0.5')).rejects.toThrow(ShareNotFound);
    await expect(client.watchShare('none').next()).rejects.toThrow(ShareNotFound);
    await expect(client.getInstance('none')).rejects.toThrow(InstanceNotFound);
    await expect(client.deleteInstance('none')).rejects.toThrow(InstanceNotFound);
  });

  it('has no namespace of another name', async () => {
    const elsewhere = HawserClient.connect({ address: temporal.address, namespace: 'nope' });
    await expect(elsewhere).rejects.toThrow(TemporalDenied);
  });

  it('is spoken to by the command line, which prints an empty list as JSON', async () => {
    const said = await hawser(['share', 'list', '-o', 'json'], {
      TEMPORAL_ADDRESS: temporal.address,
    });
    expect(said).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });
});
