import { join } from 'node:path';
import { SetupError } from './setup-error.mjs';
import { installMissing, findMissing } from './install-missing.mjs';
import { project } from './tools.mjs';
import { debianPackages } from './steps/debian-packages.mjs';
import { manila } from './steps/manila.mjs';
import { npmPackages } from './steps/npm-packages.mjs';
import { openstackClient } from './steps/openstack-client.mjs';
import { serviceImage } from './steps/service-image.mjs';
import { temporal } from './steps/temporal.mjs';

const steps = (() => {
  const tier1 = [debianPackages.forPython, npmPackages, temporal];
  const demo = [debianPackages.forDemo, npmPackages, temporal, serviceImage];
  const test = [debianPackages.forTest, npmPackages, temporal, serviceImage, openstackClient];
  const bench = [debianPackages.forBench, npmPackages, temporal, manila];
  return { tier1, demo, test, bench, check: test };
})();

/** Brings everything there that `purpose` needs; sets the exit code: 0 done, 1 something is missing, 2 wrong use. */
export async function setUp(purpose = 'test') {
  const chosen = Object.hasOwn(steps, purpose) ? steps[purpose] : undefined;
  if (!chosen) {
    console.error('Usage: node setup/main.mjs [demo|test|tier1|bench|check]');
    process.exitCode = 2;
    return;
  }
  // Until all is done: an end that nobody expected must not look like success.
  process.exitCode = 1;
  try {
    if (purpose === 'check') await check(chosen);
    else await installMissing(chosen, join(project, '.hawser'));
    process.exitCode = 0;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`Set-up failed: ${error.message}`);
  }
}

async function check(chosen) {
  const missing = await findMissing(chosen);
  if (missing.length === 0) return;
  const lines = missing.map(({ step, what }) => `  ${step.name}: ${what}`);
  throw new SetupError(
    `missing\n${lines.join('\n')}\n  Run: node ${join(project, 'setup/main.mjs')}`,
  );
}
