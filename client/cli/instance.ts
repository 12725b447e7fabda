import type { Command } from 'commander';
import { addRunningInstanceCommands } from './running-instance.js';
import { withSession, type Session } from './session.js';
import { describeInstance, instanceJson, instanceTable } from './share-output.js';

/** `hawser instance …` */
export function addInstanceCommands(program: Command): void {
  const instance = program
    .command('instance')
    .description('look at the service instances, the servers that export shares');

  instance
    .command('list')
    .description('list the service instances, oldest first')
    .action(
      withSession(async ({ connect, result }) => {
        const client = await connect();
        const views = await client.listInstances();
        result(views.map(instanceJson), () =>
          views.length > 0
            ? instanceTable(views)
            : 'No service instances. The first share of a network sets one up.',
        );
      }),
    );

  instance
    .command('show <id>')
    .description('show one service instance and the shares on it')
    .action(
      withSession(async ({ connect, result }, id: string) => {
        const client = await connect();
        const view = await client.getInstance(id);
        result(instanceJson(view), () => describeInstance(view));
      }),
    );

  instance
    .command('delete <id>')
    .description('delete a service instance that has no shares')
    .option('--no-wait', 'return at once, while it is being deleted')
    .action(withSession(deleteInstance));

  addRunningInstanceCommands(instance);
}

async function deleteInstance(
  { connect, result, waiting }: Session,
  id: string,
  { wait }: { wait: boolean },
): Promise<void> {
  const client = await connect();
  const view = await client.getInstance(id);
  await client.deleteInstance(id);
  if (!wait) {
    const deleting = { ...view, status: 'deleting' } as const;
    return result(instanceJson(deleting), () => `Service instance ${id} is being deleted.`);
  }
  await waiting({
    what: `Deleting service instance ${id}`,
    watchWith: `hawser instance show ${id}`,
    run: (options) => client.waitUntilInstanceDeleted(id, options),
  });
  const gone = { ...view, status: 'deleted', serverId: null, address: null } as const;
  result(instanceJson(gone), () => `Service instance ${id} is deleted.`);
}
