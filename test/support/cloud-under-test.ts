import { z } from 'zod';
import type { EmbeddedCloud, ExistingCloud } from '../../dev/cloud.js';

const backendSchema = z.looseObject({ host: z.string().optional() });

/**
 * The cloud that the contract and end-to-end suites run on: the embedded one with QEMU hosts, or the one whose clouds.yaml
 * `HAWSER_TEST_CLOUDS_YAML` names. `HAWSER_TEST_BACKEND` then holds, as JSON, the options of hawser.yaml by
 * which a worker reaches that cloud's service instances.
 */
export function cloudUnderTest(): EmbeddedCloud | (ExistingCloud & { host?: string | undefined }) {
  const { HAWSER_TEST_CLOUDS_YAML: cloudsYaml, HAWSER_TEST_BACKEND: backend = '{}' } = process.env;
  if (!cloudsYaml) return { hosts: 'qemu' };
  const options = backendSchema.parse(JSON.parse(backend));
  return { cloudsYaml, backend: options, host: options.host };
}
