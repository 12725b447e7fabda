import type { Command } from 'commander';
import { runUntilSignalled } from './run-until-signalled.js';
import type { GlobalOptions } from './session.js';

/** `hawser worker` */
export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('do the work: serve the backends of a configuration until told to stop')
    .option('--config <file>', 'the configuration', 'hawser.yaml')
    .action(async (_own, command: Command) => {
      const options = command.optsWithGlobals<GlobalOptions & { config: string }>();
      // The worker reads Temporal's address as every Temporal tool does.
      if (options.address) process.env['TEMPORAL_ADDRESS'] = options.address;
      if (options.namespace) process.env['TEMPORAL_NAMESPACE'] = options.namespace;
      const { runWorker } = await import('../../worker/main.js');
      await runUntilSignalled((signal) => runWorker({ configPath: options.config, signal }));
    });
}
