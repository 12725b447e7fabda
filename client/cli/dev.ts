import { existsSync } from 'node:fs';
import { basename, delimiter, join, relative } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import pc from 'picocolors';
import type { EmbeddedEnvironment } from '../../dev/environment.js';
import { runUntilSignalled } from './run-until-signalled.js';
import type { GlobalOptions } from './session.js';
import { list } from './tables.js';

type Hosts = 'qemu' | 'simulated';

/** The tenant's, in every embedded cloud. */
const shareNetwork = 'demo-net/demo-subnet';

interface DevOptions extends GlobalOptions {
  hosts?: Hosts;
  state: string;
  fresh: boolean;
  temporalPort: number;
  uiPort: number;
  cloudPort: number;
}

/** `hawser dev` */
export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .description('run an embedded cloud, Temporal and a worker to try Hawser on, until Ctrl-C')
    .addOption(
      new Option(
        '--hosts <kind>',
        'real virtual machines, or simulated ones that serve no data (default: qemu where it can run)',
      ).choices(['qemu', 'simulated']),
    )
    .option('--state <dir>', 'where everything is kept', '.hawser/dev')
    .option('--fresh', 'forget what was kept, start with nothing', false)
    .option('--temporal-port <port>', "Temporal's port", toPort, 7233)
    .option('--ui-port <port>', "the port of Temporal's Web UI", toPort, 8233)
    .option('--cloud-port <port>', "the port of the cloud's APIs", toPort, 5000)
    .action((_own, command: Command) =>
      runUntilSignalled((signal) => runDev(command.optsWithGlobals(), signal)),
    );
}

async function runDev(options: DevOptions, signal: AbortSignal): Promise<void> {
  const { startEnvironment } = await import('../../dev/environment.js');
  const hosts = options.hosts ?? hostsThatCanRun();
  if (hosts === 'simulated') {
    say('Hosts are simulated: everything can be tried, but no data is served and nothing mounted.');
  }
  const began = Date.now();
  const broken = new AbortController();
  try {
    const environment = await startEnvironment({
      stateDir: options.state,
      cloud: { hosts },
      fresh: options.fresh,
      ports: { temporal: options.temporalPort, webUi: options.uiPort, cloud: options.cloudPort },
      onProgress: (message) => say(`${message} …`),
      onUnexpectedEnd: (part, how) => void startAgain(part, how, broken),
      signal,
    });
    say(`Ready after ${((Date.now() - began) / 1000).toFixed(1)} s.`);
    process.stdout.write(
      options.output === 'json'
        ? `${JSON.stringify(facts(environment), null, 2)}\n`
        : `\n${summary(environment, options, hosts)}\n`,
    );
    try {
      await aborted(AbortSignal.any([signal, broken.signal]));
    } finally {
      say('\nStopping …');
      await environment.stop();
      say('Stopped: nothing is left running.');
    }
    if (broken.signal.aborted) throw broken.signal.reason;
  } catch (error) {
    if (!signal.aborted) throw error;
    say('Stopped: nothing is left running.');
  }
}

type Part = EmbeddedEnvironment['worker'];

/** Something killed it, maybe to see what happens: this is what a supervisor would do. */
async function startAgain(part: Part, how: string, broken: AbortController): Promise<void> {
  say(`${pc.yellow('!')} ${part.name} ended (${how}); starting it again …`);
  try {
    await part.start();
    say(`${part.name} runs again.`);
  } catch (error) {
    broken.abort(error);
  }
}

/** Where everything is, for programs. */
function facts(environment: EmbeddedEnvironment): Record<string, string> {
  const { webUiUrl, temporalAddress, cloudUrl, cloudsYaml, configPath, stateDir } = environment;
  return { webUiUrl, temporalAddress, cloudUrl, cloudsYaml, configPath, stateDir, shareNetwork };
}

function summary(environment: EmbeddedEnvironment, options: DevOptions, hosts: Hosts): string {
  const { webUiUrl, temporalAddress, cloudUrl, cloudsYaml, stateDir } = environment;
  const hawser = invocation();
  const machines = hosts === 'qemu' ? 'QEMU machines' : 'simulated machines';
  const create = 'share create --protocol NFS --size 1 --share-network demo-net';
  const nearby = relative('', stateDir);
  const here = nearby.startsWith('..') ? stateDir : nearby || '.';
  return [
    list([
      ['Web UI', webUiUrl],
      ['Temporal', temporalAddress],
      ['Cloud', `${cloudUrl} (${machines})`],
      ['Share network', shareNetwork],
      ['Logs', join(here, 'logs')],
    ]),
    '',
    'Try, in another terminal:',
    ...(options.temporalPort === 7233 ? [] : [`  export TEMPORAL_ADDRESS=${temporalAddress}`]),
    `  ${pc.bold(`${hawser} ${create}`)}`,
    `  ${hawser} share list`,
    '',
    'Look at the cloud as its tenant, with any OpenStack client:',
    `  export OS_CLIENT_CONFIG_FILE=${cloudsYaml} OS_CLOUD=demo`,
    '',
    `Ctrl-C stops everything. What you made is kept in ${here}.`,
  ].join('\n');
}

/** How this command line was called, so that what is printed can be pasted. */
function invocation(): string {
  if (process.env['npm_command'] === 'exec') return 'npx hawser';
  const script = process.argv[1] ?? 'hawser';
  if (basename(script) === 'hawser') return 'hawser';
  const path = relative('', script);
  return path.startsWith('.') ? path : `./${path}`;
}

/** Real machines need network namespaces of their own, so root, and QEMU. */
function hostsThatCanRun(): Hosts {
  if (process.getuid?.() !== 0) {
    say('Real machines need root.');
    return 'simulated';
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, 'qemu-system-x86_64')))) return 'qemu';
  say('Real machines need QEMU, which is not installed: npm run setup');
  return 'simulated';
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
    // Signals alone do not keep a process alive.
    const alive = setInterval(() => undefined, 60_000);
    signal.addEventListener('abort', () => clearInterval(alive));
  });

function toPort(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new InvalidArgumentError('Use a number from 1 to 65535.');
}

/** Progress is not the result: it goes to standard error. */
const say = (message: string): void => void process.stderr.write(`${message}\n`);
