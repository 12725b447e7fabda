import { isAbsolute, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { pino } from 'pino';
import { createHosts } from './hosts/create-hosts.js';
import type { HostsKind } from './hosts/hosts.js';
import { parseLatencies } from './latencies.js';
import { startDevcloud } from './server.js';

interface Options {
  state: string;
  port: number;
  hosts: HostsKind;
  rooted: boolean;
  image?: string;
  latency?: Record<string, number>;
  sshKey?: string;
  exitWithParent: boolean;
}

const absolute = (path: string): string => (isAbsolute(path) ? path : resolve(path));

const command = new Command('devcloud')
  .description('An OpenStack in one process, for development and tests')
  .requiredOption('--state <dir>', 'where everything is kept', absolute)
  .option('--port <number>', 'on 127.0.0.1; 0 picks a free one', Number, 0)
  .addOption(new Option('--hosts <kind>').choices(['qemu', 'simulated']).default('simulated'))
  .option('--rooted', "simulated hosts' commands have the host's root as their own /", false)
  .option('--image <file>', 'the service image, a qcow2 file', absolute)
  .option('--latency <list>', 'such as server.create=5s,volume.create=200ms', parseLatencies)
  .option(
    '--ssh-key <file>',
    'opens QEMU servers, so that commands on them can be struck',
    absolute,
  )
  .option('--exit-with-parent', 'end when standard input closes', false);

const options = command.parse().opts<Options>();
const log = pino({ level: process.env.DEVCLOUD_LOG ?? 'info' }, pino.destination(2));
const starting = startDevcloud({
  stateDir: options.state,
  port: options.port,
  hosts: createHosts({
    kind: options.hosts,
    stateDir: resolve(options.state, 'hosts'),
    log,
    sshKeyFile: options.sshKey,
    rooted: options.rooted,
  }),
  log,
  imageFile: options.image,
  latencies: options.latency,
});

let ending = false;
async function end(reason: string): Promise<void> {
  if (ending) return;
  ending = true;
  log.info({ reason }, 'Ending');
  const cloud = await starting;
  await cloud.close();
  process.exit(0);
}

process.on('SIGTERM', () => void end('SIGTERM'));
process.on('SIGINT', () => void end('SIGINT'));
if (options.exitWithParent) {
  process.stdin.resume();
  process.stdin.on('end', () => void end('the parent is gone'));
  process.on('disconnect', () => void end('the parent is gone'));
}

try {
  const { url, cloudsYaml } = await starting;
  process.stdout.write(`${JSON.stringify({ url, cloudsYaml, pid: process.pid })}\n`);
} catch (error) {
  log.fatal({ err: error }, 'The cloud could not be started');
  process.exit(1);
}
