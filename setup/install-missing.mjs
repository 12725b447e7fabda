import { join } from 'node:path';
import { CommandFailed } from './commands.mjs';
import { withLock } from './lock.mjs';
import { SetupError } from './setup-error.mjs';

/**
 * A step: `{ name, after?, missing(), install(say) }`. `missing` is quick, changes nothing and says in words what
 * is missing; `install` brings it, `say` shows its progress. `after` names steps to wait for.
 */

export async function findMissing(steps) {
  const found = await Promise.all(
    steps.map(async (step) => ({ step, what: await step.missing() })),
  );
  return found.filter(({ what }) => what);
}

/** Installs what is missing, independent steps side by side; silent when nothing is. Throws one SetupError for all failures. */
export async function installMissing(steps, stateDirectory) {
  if ((await findMissing(steps)).length === 0) return;
  const work = async () => installAll(await findMissing(steps));
  await withLock(join(stateDirectory, 'setup.lock'), work, () =>
    console.error('Set-up: waiting for another set-up to end'),
  );
}

async function installAll(missing) {
  const running = new Map();
  for (const { step, what } of missing) {
    const earlier = (step.after ?? []).map((name) => running.get(name));
    running.set(step.name, installOne(step, what, earlier));
  }
  const failures = (await Promise.all(running.values())).filter(Boolean);
  if (failures.length > 0) throw new SetupError(failures.join('\nSet-up failed: '));
}

/** Resolves to what went wrong, in words. */
async function installOne(step, what, earlier) {
  if ((await Promise.all(earlier)).some(Boolean))
    return `${step.name}: not tried after the failure above`;
  const started = Date.now();
  const say = (text) => console.error(`Set-up: ${step.name}: ${text}`);
  say(`installing ${what}`);
  try {
    await step.install(say);
  } catch (error) {
    return `${step.name}: ${explain(error)}`;
  }
  say(`done in ${Math.round((Date.now() - started) / 1000)} s`);
  return undefined;
}

function explain(error) {
  if (error instanceof CommandFailed) return `${error.message}\n${error.excerpt}`;
  if (error instanceof SetupError) return error.message;
  return error.stack;
}
