import type { Command } from 'commander';
import type { RequirementsReport } from '../../workflows/model.js';
import { withSession } from './session.js';
import { table, type Column } from './tables.js';

/** `hawser image …` */
export function addImageCommands(program: Command): void {
  const image = program.command('image').description('the image that service instances boot from');

  image
    .command('check <instance>')
    .description('say whether a running service instance meets the image requirements')
    .action(
      withSession(async ({ connect, result }, instance: string) => {
        const client = await connect();
        const report = await client.checkImage(instance);
        result(report, () => table(columns, report.checks, process.stdout.columns));
        if (report.checks.some(({ ok }) => !ok)) process.exitCode = 1;
      }),
    );
}

const columns: Column<RequirementsReport['checks'][number]>[] = [
  { title: '', value: ({ ok }) => (ok ? 'ok' : 'NO') },
  { title: 'CHECK', value: ({ name }) => name },
  { title: 'FOUND', value: ({ detail }) => detail, mayShrink: true },
  { title: 'TO DO', value: ({ ok, fix }) => (ok ? '' : fix) },
];
