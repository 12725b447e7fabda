import { openCloud } from '../../dev/cloud.js';
import { createTenantNetwork } from '../../dev/tenant-network.js';
import { fewAtATime } from '../../workflows/few-at-a-time.js';
import type { Bench } from '../hawser.js';

const madeAtOnce = 5;

/** Networks of the tenant's, one for each service instance; returns their names. */
export async function makeNetworks(
  { environment, control }: Bench,
  count: number,
): Promise<string[]> {
  const tenant = openCloud(environment.cloudsYaml, 'demo');
  try {
    const { projectId } = await tenant.session.authenticate();
    await control.unlimited(projectId);
    const numbers = Array.from({ length: count }, (_, at) => at);
    return await fewAtATime(madeAtOnce, numbers, async (at) => {
      const { name } = await createTenantNetwork(tenant, `load-${at}`, `10.30.${at}.0/24`);
      return name;
    });
  } finally {
    await tenant.session.close();
  }
}
