/** What Hawser's operations take beside the original's, on a cloud with known latencies: npm run bench */
import { randomUUID } from 'node:crypto';
import { Command, Option } from 'commander';
import { count } from './count.js';
import { openBench, tenantOf } from './hawser.js';
import { measure } from './measure.js';
import { roundOf } from './operations.js';
import { openOriginal } from './original/beside.js';
import { documentOf, tell, type Sample } from './report.js';
import { undoneAtEnd } from './undone-at-end.js';

interface Flags {
  rounds: number;
  json: boolean;
  original: boolean;
  protocol: 'NFS' | 'CIFS' | 'both';
}

const flags = new Command('bench')
  .description('measures operations on a cloud with known latencies, beside the original')
  .option('--rounds <number>', 'how often each is measured', count(), 7)
  .option('--json', 'one document on standard output', false)
  .option('--no-original', 'Hawser alone')
  .addOption(new Option('--protocol <name>').choices(['NFS', 'CIFS', 'both']).default('both'))
  .parse()
  .opts<Flags>();

const say = (text: string) => void process.stderr.write(`${text}\n`);

const protocols = (['NFS', 'CIFS'] as const).filter(
  (protocol) => flags.protocol === 'both' || flags.protocol === protocol,
);

const main = (): Promise<Sample[]> =>
  undoneAtEnd(async (undo) => {
    const bench = await openBench(undo);
    const original = flags.original ? await openOriginal(undo, bench) : undefined;
    const tenant = await tenantOf(bench);
    const samples: Sample[] = [];
    for (let round = 1; round <= flags.rounds; round += 1) {
      const server = randomUUID();
      for (const { share, operations } of roundOf(protocols)) {
        const turn = { bench, share: `${share}-${round}`, server, tenant };
        for (const operation of operations) {
          samples.push(await measure(turn, { operation, original, round }));
        }
      }
      say(`round ${round} of ${flags.rounds}`);
    }
    return samples;
  });

const samples = await main();
if (flags.json) process.stdout.write(`${JSON.stringify(documentOf(samples), null, 2)}\n`);
else tell(documentOf(samples));
