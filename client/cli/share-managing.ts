import type { Command } from 'commander';
import { parseManageSpec, type ManageSpec } from '../input.js';
import { withSession, type Session } from './session.js';
import { describeShare, shareJson } from './share-output.js';
import { whileWatched } from './while-watched.js';

interface ManageOptions extends Omit<ManageSpec, 'serviceInstance'> {
  instance?: string;
  wait: boolean;
}

/** `hawser share manage` and `hawser share unmanage`. */
export function addManagingCommands(share: Command): void {
  share
    .command('manage')
    .description('take over what a service instance exports already, with whom it lets in')
    .requiredOption(
      '--export-location <location>',
      String.raw`how clients mount it: ADDRESS:/path or \\ADDRESS\name`,
    )
    .requiredOption('--protocol <NFS|CIFS>', 'how clients mount it', (text) => text.toUpperCase())
    .option('--id <id>', 'its id, and what makes a repeated command harmless (default: random)')
    .option('--name <name>', 'a name for people (default: none)')
    .option('--backend <name>', 'which backend of hawser.yaml', 'generic')
    .option('--volume-id <id>', "its volume in Cinder (default: found by the file system's device)")
    .option('--instance <id>', 'the service instance it is on (default: the one for all)')
    .option('--no-wait', 'return at once, while it is being taken over')
    .addHelpText(
      'after',
      '\nExample:\n  $ hawser share manage --backend nas --protocol NFS --export-location 10.0.0.7:/srv/old',
    )
    .action(withSession(manage));

  share
    .command('unmanage <id>')
    .description('forget a share, which stays in service with all its data')
    .option('--no-wait', 'return at once, while it is being forgotten')
    .action(withSession(unmanage));
}

async function manage(session: Session, { wait, instance, ...spec }: ManageOptions): Promise<void> {
  const { connect, result, waiting } = session;
  const request = parseManageSpec({ ...spec, ...(instance && { serviceInstance: instance }) });
  const { id } = request;
  const client = await connect();
  if (!wait) {
    const view = await client.manageShare(request);
    const next = `See how it goes on with: hawser share watch ${id}`;
    return result(shareJson(view), () => `${describeShare(view)}\n\n${next}`);
  }
  const view = await waiting({
    what: `Taking over share ${id}`,
    watchWith: `hawser share watch ${id}`,
    async run(options) {
      await whileWatched(client, id, options, () => client.manageShare(request));
      return client.waitForShare(id, options);
    },
  });
  result(shareJson(view), () => describeShare(view));
}

async function unmanage(
  { connect, result, waiting }: Session,
  id: string,
  { wait }: { wait: boolean },
): Promise<void> {
  const client = await connect();
  if (!wait) {
    const view = await client.unmanageShare(id);
    const next = `See how it goes on with: hawser share watch ${id}`;
    return result(shareJson(view), () => `Share ${id} is being unmanaged. ${next}`);
  }
  const view = await waiting({
    what: `Unmanaging share ${id}`,
    watchWith: `hawser share watch ${id}`,
    async run(options) {
      const leaving = await whileWatched(client, id, options, () => client.unmanageShare(id));
      await client.waitUntilUnmanaged(id, options);
      return leaving;
    },
  });
  const gone = { ...view, status: 'unmanaged', operation: null } as const;
  result(shareJson(gone), () => `Share ${id} is unmanaged: it stays in service as it is.`);
}
