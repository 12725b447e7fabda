import type { Command } from 'commander';
import { runUntilSignalled } from './run-until-signalled.js';
import type { GlobalOptions } from './session.js';

interface WorkerFlags {
  config: string;
  backend?: string[];
  cloudCheck: boolean;
}

/** `hawser worker` */
export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('do the work: serve the backends of a configuration until told to stop')
    .option('--config <file>', 'the configuration', 'hawser.yaml')
    .option(
      '--backend <name>',
      'serve this backend only; may be given several times (default: all)',
      (name, before: string[] | undefined) => [...(before ?? []), name],
    )
    .option('--no-cloud-check', 'start without looking in the cloud for what the options name')
    .action(async (_own, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & WorkerFlags>();
      // The worker reads Temporal's address as every Temporal tool does.
      if (options.address) process.env['TEMPORAL_ADDRESS'] = options.address;
      if (options.namespace) process.env['TEMPORAL_NAMESPACE'] = options.namespace;
      const { runWorker } = await import('../../worker/main.js');
      const { config: configPath, backend: backends, cloudCheck: lookInCloud } = options;
      await runUntilSignalled((signal) => runWorker({ configPath, backends, lookInCloud, signal }));
    });
}
