import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { addAccessCommands } from './access.js';
import { addBackendCommands } from './backend.js';
import { addConfigCommands } from './config.js';
import { addDevCommand } from './dev.js';
import { addImageCommands } from './image.js';
import { addInstanceCommands } from './instance.js';
import { addRetryCommands } from './retry.js';
import { addShareCommands } from './share.js';
import { addSnapshotCommands } from './snapshot.js';
import { addSweepCommand } from './sweep.js';
import { printable } from './tables.js';
import { addWorkerCommand } from './worker.js';

/** The whole command line; `quiet` keeps its own words about mistakes to itself. */
export function buildProgram({ quiet }: { quiet: boolean }): Command {
  const program = new Command('hawser')
    .description('NFS and CIFS shares on OpenStack, as durable Temporal workflows')
    .version(version(), '-V, --version', 'print the version')
    .addOption(
      new Option('-o, --output <format>', 'how the result is printed')
        .choices(['table', 'json'])
        .default('table'),
    )
    .option('--address <HOST:PORT>', "Temporal's (default: TEMPORAL_ADDRESS, else localhost:7233)")
    .option('--namespace <name>', "Temporal's (default: TEMPORAL_NAMESPACE, else default)")
    .showHelpAfterError('(--help explains)')
    .addHelpText('after', firstSteps);
  addDevCommand(program);
  addWorkerCommand(program);
  addShareCommands(program);
  addAccessCommands(program);
  addSnapshotCommands(program);
  addInstanceCommands(program);
  addImageCommands(program);
  addConfigCommands(program);
  addBackendCommands(program);
  addRetryCommands(program);
  addSweepCommand(program);
  throwErrors(program, quiet);
  return program;
}

const firstSteps = `
Examples:
  $ hawser dev                                         a cloud, Temporal and a worker to try it on
  $ hawser share create --protocol NFS --size 1 --share-network demo-net/demo-subnet
  $ hawser access allow SHARE --to 10.0.0.5 --level rw
  $ hawser share list -o json

Exit codes: 0 done, 1 failed, 2 wrong use.`;

/** Each command decides by itself, so each is told. */
function throwErrors(command: Command, quiet: boolean): void {
  command.exitOverride();
  command.configureOutput({ outputError: (text, write) => write(printable(text)) });
  if (quiet) command.configureOutput({ writeErr: () => undefined });
  for (const child of command.commands) throwErrors(child, quiet);
}

function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version;
}
