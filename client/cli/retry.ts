import type { Command } from 'commander';
import type { HawserClient, Retried } from '../hawser-client.js';
import { withSession, type Session } from './session.js';
import { whileInstanceWatched, whileWatched } from './while-watched.js';

/** `hawser retry …` and `hawser give-up …` */
export function addRetryCommands(program: Command): void {
  const retry = program
    .command('retry')
    .description(
      'try at once what waits for its next try: could not be deleted, undone, denied, or brought back into service',
    );
  addTargets(retry, 'try it at once, and wait for what comes of it', tryAgain);

  const giveUp = program
    .command('give-up')
    .description(
      'end the trying of what is to go, and forget it; `hawser sweep` finds what is left of it',
    );
  addTargets(giveUp, 'forget it, whatever is left of it', abandon);
}

type Action = (session: Session, what: Retried) => Promise<void>;

function addTargets(command: Command, what: string, act: Action): void {
  command
    .command('share <id>')
    .description(`a share: ${what}`)
    .action(withSession(async (session, shareId: string) => act(session, { shareId })));
  command
    .command('snapshot <share> <snapshot>')
    .description(`a snapshot: ${what}`)
    .action(
      withSession(async (session, shareId: string, snapshotId: string) =>
        act(session, { shareId, snapshotId }),
      ),
    );
  command
    .command('instance <id>')
    .description(`a service instance: ${what}`)
    .action(withSession(async (session, instanceId: string) => act(session, { instanceId })));
}

const named = (what: Retried): string => {
  if ('instanceId' in what) return `Service instance ${what.instanceId}`;
  const { shareId, snapshotId } = what;
  return snapshotId === undefined ? `Share ${shareId}` : `Snapshot ${snapshotId} of ${shareId}`;
};

async function tryAgain(session: Session, what: Retried): Promise<void> {
  await watched(session, what, `Trying again: ${named(what)}`, async (client) =>
    client.retry(what),
  );
  session.result(
    { ...what, done: true },
    () => `${named(what)}: what waited for its next try is done.`,
  );
}

async function abandon(session: Session, what: Retried): Promise<void> {
  // A try that is under way ends first.
  await watched(session, what, `Giving up: ${named(what)}`, async (client) => client.giveUp(what));
  session.result(
    { ...what, forgotten: true },
    () => `${named(what)} is forgotten. What is left of it: hawser sweep`,
  );
}

async function watched(
  { connect, waiting }: Session,
  what: Retried,
  doing: string,
  ask: (client: HawserClient) => Promise<void>,
): Promise<void> {
  const client = await connect();
  const request = async () => ask(client);
  await waiting({
    what: doing,
    watchWith:
      'instanceId' in what
        ? `hawser instance show ${what.instanceId}`
        : `hawser share show ${what.shareId}`,
    run: (options) =>
      'instanceId' in what
        ? whileInstanceWatched(client, what.instanceId, options, request)
        : whileWatched(client, what.shareId, options, request),
  });
}
