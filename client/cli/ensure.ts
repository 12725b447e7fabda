import type { Command } from 'commander';
import { describeShare, shareJson } from './share-output.js';
import { withSession, type Session } from './session.js';
import { whileWatched } from './while-watched.js';

/** `hawser share ensure` */
export function addEnsureCommand(share: Command): void {
  share
    .command('ensure <id>')
    .description('see to it that clients can use a share; say what had to be repaired')
    .action(withSession(ensureOne));
}

async function ensureOne({ connect, result, waiting }: Session, id: string): Promise<void> {
  const client = await connect();
  const { repaired } = await waiting({
    what: `Ensuring share ${id}`,
    watchWith: `hawser share watch ${id}`,
    run: (options) => whileWatched(client, id, options, () => client.ensureShare(id)),
  });
  const view = await client.getShare(id);
  result({ ...shareJson(view), repaired }, () =>
    [describeShare(view), '', inOneLine(repaired)].join('\n'),
  );
}

const inOneLine = (repaired: string[]): string =>
  repaired.length === 0
    ? 'It is in service; nothing had to be repaired.'
    : `It is in service again: ${repaired.join(', ')}.`;
