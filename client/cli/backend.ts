import type { Command } from 'commander';
import pc from 'picocolors';
import type { BackendStatistics, BackendSummary } from '../index.js';
import { withSession, type Session } from './session.js';
import { list, printable, table, type Column } from './tables.js';

/** `hawser backend …` */
export function addBackendCommands(program: Command): void {
  const backend = program
    .command('backend')
    .description('look at the backends, and at what they have and use');

  backend
    .command('list')
    .description('list the backends, and whether a worker serves them')
    .action(
      withSession(async ({ connect, result }: Session) => {
        const client = await connect();
        const backends = await client.listBackends();
        result(backends, () =>
          backends.length > 0
            ? table(summaryColumns, backends)
            : 'No backends. Start a worker with: hawser worker',
        );
      }),
    );

  backend
    .command('show <name>')
    .description('show what a backend has and how much of it is used, asking its service instances')
    .action(
      withSession(async ({ connect, result }: Session, name: string) => {
        const client = await connect();
        const statistics = await client.backendStatistics(name);
        result(statistics, () => describeStatistics(statistics));
      }),
    );
}

const summaryColumns: Column<BackendSummary>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'WORKER', value: ({ served }) => (served ? 'yes' : 'none') },
  { title: 'SHARES', value: ({ shares }) => String(shares) },
  { title: 'SIZE', value: ({ sizeGib }) => `${sizeGib} GiB` },
  { title: 'INSTANCES', value: ({ instances }) => String(instances) },
];

function describeStatistics(statistics: BackendStatistics): string {
  const { capabilities, instances, shares, problems } = statistics;
  return [
    list([
      ['Backend', statistics.backend],
      ['Name for Manila', capabilities.share_backend_name],
      [
        'Capacity',
        `${inGib(capabilities.total_capacity_gb)}, free ${inGib(capabilities.free_capacity_gb)}`,
      ],
      [
        'Provisioned',
        `${capabilities.provisioned_capacity_gb} GiB in ${shares.length === 1 ? '1 share' : `${shares.length} shares`}`,
      ],
      ['Volumes', `${capabilities.allocated_capacity_gb} GiB`],
      ['Used', humanBytes(statistics.usedBytes)],
      ['Reserved', `${capabilities.reserved_percentage} %`],
      ['Places free', String(statistics.placesFree)],
    ]),
    ...section(instances.length > 0, () => table(instanceColumns, instances)),
    ...section(shares.length > 0, () => table(shareColumns, shares)),
    ...section(problems.length > 0, () =>
      problems.map((problem) => `${pc.yellow('!')} ${printable(problem)}`).join('\n'),
    ),
  ].join('\n');
}

const section = (wanted: boolean, text: () => string): string[] => (wanted ? ['', text()] : []);

const instanceColumns: Column<BackendStatistics['instances'][number]>[] = [
  { title: 'INSTANCE', value: ({ id }) => id },
  {
    title: 'STATUS',
    value: ({ status, problem }) => (problem === null ? status : `${status}, not asked`),
  },
  { title: 'SHARES', value: ({ shares, maxShares }) => `${shares} of ${maxShares}` },
  { title: 'FREE', value: ({ placesFree }) => String(placesFree) },
];

const shareColumns: Column<BackendStatistics['shares'][number]>[] = [
  { title: 'SHARE', value: ({ id }) => id },
  { title: 'STATUS', value: ({ status }) => status },
  { title: 'SIZE', value: ({ sizeGib }) => `${sizeGib} GiB` },
  {
    title: 'USED',
    value: ({ usage }) => (usage === null ? 'unknown' : humanBytes(usage.usedBytes)),
  },
  { title: 'FREE', value: ({ usage }) => (usage === null ? '' : humanBytes(usage.availableBytes)) },
];

const inGib = (amount: number | string): string =>
  typeof amount === 'number' ? `${amount} GiB` : amount;

/** `0 B`, `24 KiB`, `1.5 GiB`. */
function humanBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const amount = bytes / 1024 ** power;
  return `${amount < 10 && power > 0 ? amount.toFixed(1) : Math.round(amount)} ${units[power]}`;
}
