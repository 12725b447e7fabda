import type { Command } from 'commander';
import { runUntilSignalled } from './run-until-signalled.js';

/** `hawser worker` */
export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('do the work: serve the backends of a configuration until told to stop')
    .option('--config <file>', 'the configuration', 'hawser.yaml')
    .action(async ({ config }: { config: string }) => {
      const { runWorker } = await import('../../worker/main.js');
      await runUntilSignalled((signal) => runWorker({ configPath: config, signal }));
    });
}
