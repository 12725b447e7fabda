import { Command, Option } from 'commander';
import type { HostsKind } from '../devcloud/hosts/hosts.js';
import { runWell } from './attempt.js';
import { cellsOf, type Verdict } from './cells.js';
import { hostsOfBench } from './hosts.js';
import type { GoodRun, Place } from './place.js';
import { lookForSecrets } from './oracles/secrets.js';
import { reportOf, tell, verdictOnWhole, type Report } from './report.js';
import type { Layout } from './lanes.js';
import { runCells, suits } from './run.js';
import type { Scenario } from './scenario.js';
import { scenarios } from './scenarios/index.js';
import { askedGoodRuns, unknownIds } from './asked-for.js';
import { choose, type Choice } from './choose.js';
import { withBench } from './with-bench.js';

interface Flags extends Choice {
  json: boolean;
  hosts: HostsKind;
  lanes?: number;
  keep: boolean;
  list: boolean;
  workerDirectory?: string;
}

const collect = (value: string, before: string[] = []) => [...before, value];

const flags = new Command('faults')
  .description(
    'lets every call of every operation go wrong in every way, and looks what comes of it',
  )
  .option('--json', 'one document on standard output', false)
  .option('--list', 'only tell the cells', false)
  .option('--seed <number>', 'which cells a limited run takes', Number)
  .option('--minutes <number>', 'how long cells may begin; by default all of them run', Number)
  .option('--cells <number>', 'how many cells run at most', Number)
  .option('--only <cell>', 'one cell by its id; may be given several times', collect)
  .option('--scenario <name>', 'cells of this operation; may be given several times', collect)
  .option('--kind <name>', 'cells of this kind or group; may be given several times', collect)
  .addOption(
    new Option(
      '--hosts <kind>',
      'what service instances are; virtual machines cannot prove another host key (ssh-another-host-key)',
    )
      .choices(['simulated', 'qemu'])
      .default('simulated'),
  )
  .option('--lanes <number>', 'how many cells run at a time; 10, or 2 on virtual machines', Number)
  .option('--worker-directory <directory>', 'a checkout that the worker runs instead of this one')
  .option('--keep', 'leave the state directory for a look at its logs', false)
  .parse()
  .opts<Flags>();

const say = (text: string) => void process.stderr.write(`${text}\n`);

async function main(): Promise<Report> {
  const startedAt = Date.now();
  const hosts = hostsOfBench[flags.hosts];
  const wanted = wantedScenarios();
  const lanes = layoutsFor(wanted, flags.lanes ?? hosts.lanes);
  return withBench({ ...flags, lanes }, async (bench, places) => {
    const verdicts: Verdict[] = [];
    const onVerdict = (verdict: Verdict) => {
      verdicts.push(verdict);
      if (verdict.outcome !== 'passed') {
        say(`${verdict.outcome} ${verdict.cell}\n  ${verdict.findings.join('\n  ')}`);
      }
      if (verdicts.length % 50 === 0) {
        say(`${verdicts.length} cells, ${Math.round((Date.now() - startedAt) / 1000)} s`);
      }
    };
    const good = await learn(wanted, places, onVerdict);
    const all = cellsOf(
      scenarios.flatMap((scenario) => {
        const calls = good.get(scenario.name)?.calls;
        return calls ? [{ scenario, calls }] : [];
      }),
    );
    const cells = choose(
      all.filter(({ kind }) => hosts.can(kind)),
      flags,
    );
    say(`${cells.length} of ${all.length} cells in ${places.length} lanes`);
    for (const verdict of askedGoodRuns(flags.only, good)) onVerdict(verdict);
    const unknown = unknownIds(flags.only, { cells, verdicts });
    for (const id of unknown) say(`there is no such cell: ${id}`);
    const report = () =>
      reportOf(verdicts, {
        ...flags,
        startedAt,
        planned: cells.length,
        unknown,
        args: process.argv.slice(2),
        replayed: bench.replayer?.count ?? 0,
      });
    if (flags.list) {
      for (const { id } of cells) process.stdout.write(`${id}\n`);
      return report();
    }
    const deadline = flags.minutes ? startedAt + flags.minutes * 60_000 : Infinity;
    await runCells(bench, { cells, good, places, onVerdict, deadline });
    const told = await lookForSecrets(bench);
    if (told.length > 0) onVerdict(verdictOnWhole('secrets', told));
    return report();
  });
}

const wantedScenarios = (): Scenario[] =>
  scenarios.filter(
    ({ name, layout = 'plain' }) =>
      hostsOfBench[flags.hosts].has(layout) &&
      (flags.scenario?.includes(name) ?? true) &&
      (flags.only?.some((id) => id.startsWith(`${name}/`)) ?? true),
  );

/** Plain ones as many as wanted, and two of each other layout that a scenario needs. */
function layoutsFor(wanted: Scenario[], lanes: number): Layout[] {
  const special = new Set(wanted.flatMap(({ layout }) => layout ?? []));
  const plain = wanted.some(({ layout }) => layout === undefined) ? lanes : 0;
  return [
    ...Array.from({ length: plain }, (): Layout => 'plain'),
    ...[...special].flatMap((layout) => [layout, layout]),
  ];
}

/** The calls of each wanted scenario, from a run of it without faults. */
async function learn(
  wanted: Scenario[],
  places: Place[],
  onVerdict: (verdict: Verdict) => void,
): Promise<Map<string, GoodRun>> {
  const good = new Map<string, GoodRun>();
  const queue = [...wanted];
  await Promise.all(
    places.map(async (place) => {
      for (;;) {
        const at = queue.findIndex((one) => suits(place, one));
        const [scenario] = at < 0 ? [] : queue.splice(at, 1);
        if (!scenario) return;
        const run = await runWell(place, scenario);
        if ('calls' in run) {
          good.set(scenario.name, run);
          say(`${scenario.name}: ${run.calls.length} calls`);
        } else {
          onVerdict(run);
          await place.keeper.scrub();
        }
      }
    }),
  );
  return good;
}

const report = await main();
if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
else tell(report);
process.exitCode = report.failed.length + report.unknown.length > 0 ? 1 : 0;
