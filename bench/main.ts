/** What Hawser's operations take beside the original's, on a cloud with known latencies: npm run bench */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { openCloud } from '../dev/cloud.js';
import { ensureKeyPair } from '../dev/files.js';
import { createUndoStack, type UndoStack } from '../dev/undo-stack.js';
import { costSince, markOf, openBench, type Bench, type Cost } from './hawser.js';
import {
  firstShare,
  firstShareDeleted,
  lastInstance,
  lifeOf,
  type Operation,
  type Turn,
} from './operations.js';
import { startOriginal, type Original } from './original/original.js';
import { ownOptions } from './original/settings.js';
import { documentOf, tell, type Sample } from './report.js';

interface Flags {
  rounds: number;
  json: boolean;
  original: boolean;
  protocol: 'NFS' | 'CIFS' | 'both';
}

const flags = new Command('bench')
  .description('measures operations on a cloud with known latencies, beside the original')
  .option('--rounds <number>', 'how often each is measured', Number, 7)
  .option('--json', 'one document on standard output', false)
  .option('--no-original', 'Hawser alone')
  .addOption(new Option('--protocol <name>').choices(['NFS', 'CIFS', 'both']).default('both'))
  .parse()
  .opts<Flags>();

const say = (text: string) => void process.stderr.write(`${text}\n`);

async function main(): Promise<Sample[]> {
  const undo = createUndoStack();
  const end = () => void undo.undoAll().finally(() => process.exit(143));
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    const bench = await openBench(undo);
    const original = flags.original ? await openOriginal(undo, bench) : undefined;
    const tenant = await tenantOf(undo, bench);
    const samples: Sample[] = [];
    for (let round = 1; round <= flags.rounds; round += 1) {
      const server = randomUUID();
      const measureAll = async (share: string, operations: Operation[]) => {
        for (const operation of operations) {
          samples.push(
            await measure({ bench, share, server, tenant }, { operation, original, round }),
          );
        }
      };
      await measureAll(`first-${round}`, [firstShare]);
      for (const protocol of ['NFS', 'CIFS'] as const) {
        if (flags.protocol !== 'both' && flags.protocol !== protocol) continue;
        await measureAll(`${protocol.toLowerCase()}-${round}`, lifeOf(protocol));
      }
      await measureAll(`first-${round}`, [firstShareDeleted, lastInstance]);
      say(`round ${round} of ${flags.rounds}`);
    }
    return samples;
  } finally {
    await undo.undoAll();
  }
}

/** One after the other, the one that comes first by turns. */
async function measure(
  turn: Turn,
  {
    operation,
    original,
    round,
  }: { operation: Operation; original: Original | undefined; round: number },
): Promise<Sample> {
  const byOriginal = async (): Promise<number | undefined> => {
    const commands = original && operation.original?.(turn);
    if (!original || !commands) return undefined;
    let ms = 0;
    for (const command of commands) ms += (await original.run(command)).ms;
    return ms;
  };
  const early = round % 2 === 0 ? await byOriginal() : undefined;
  const { ms, cost } = await byHawser(turn, operation);
  const originalMs = round % 2 === 0 ? early : await byOriginal();
  return { operation, ms, cost, originalMs };
}

async function byHawser(turn: Turn, { hawser }: Operation): Promise<{ ms: number; cost: Cost }> {
  const mark = await markOf(turn.bench);
  const began = performance.now();
  await hawser(turn);
  const ms = performance.now() - began;
  return { ms, cost: await costSince(turn.bench, mark) };
}

async function openOriginal(undo: UndoStack, { environment }: Bench): Promise<Original> {
  const original = await startOriginal({
    cloudsYaml: environment.cloudsYaml,
    cloud: 'hawser',
    sshProxy: environment.cloudUrl,
    stateDir: join(environment.stateDir, 'original'),
    options: ownOptions(ensureKeyPair(join(environment.stateDir, 'ssh'))),
  });
  undo.push(() => original.close());
  return original;
}

async function tenantOf(undo: UndoStack, { environment }: Bench): Promise<Turn['tenant']> {
  const { session, network } = openCloud(environment.cloudsYaml, 'hawser');
  undo.push(() => session.close());
  const [net] = await network.listNetworks({ name: 'demo-net' });
  const [subnet] = await network.listSubnets({ name: 'demo-subnet' });
  return { network: net?.id ?? '', subnet: subnet?.id ?? '' };
}

const samples = await main();
if (flags.json) process.stdout.write(`${JSON.stringify(documentOf(samples), null, 2)}\n`);
else tell(documentOf(samples));
