import type { Command } from 'commander';
import pc from 'picocolors';
import type { ConfigReport } from '../../worker/config.js';
import type { EffectiveOption } from '../../worker/effective-options.js';
import { InvalidInput } from '../errors.js';
import { withSession, type Session } from './session.js';
import { printable, table, type Column } from './tables.js';

interface FileFlag {
  config: string;
}

/** `hawser config …` */
export function addConfigCommands(program: Command): void {
  const config = program.command('config').description('look at the configuration, hawser.yaml');

  config
    .command('check')
    .description('name every mistake in the configuration')
    .option('--config <file>', 'the configuration', 'hawser.yaml')
    .option('--cloud', 'also look at key files, this host and the cloud, as a worker does', false)
    .action(withSession(check));

  config
    .command('show')
    .description('show what is set, or with --effective every option that counts')
    .option('--config <file>', 'the configuration', 'hawser.yaml')
    .option('--effective', 'also what is not set, with the value that counts', false)
    .option('--backend <name>', 'of this backend only')
    .action(withSession(show));

  config
    .command('import <manila.conf>')
    .description("write a hawser.yaml of a manila.conf's backends of the generic driver")
    .option('--backend <name>', 'this backend only; may be given several times', collected)
    .addHelpText(
      'after',
      '\nExample:\n  $ hawser config import /etc/manila/manila.conf > hawser.yaml',
    )
    .action(withSession(importConf));
}

const collected = (name: string, before: string[] | undefined) => [...(before ?? []), name];

async function check({ result }: Session, { config: file, cloud }: FileFlag & { cloud: boolean }) {
  const { checkConfig, readConfig } = await import('../../worker/config.js');
  const report: Report = { warnings: [], ...checkConfig(readConfig(file)) };
  if (cloud) {
    const { checkPrerequisites } = await import('../../worker/prerequisites/index.js');
    const { problems, warnings } = await checkPrerequisites(report.configs, file);
    report.problems.push(...problems);
    report.warnings.push(...warnings);
  }
  const { problems, warnings, notes } = report;
  const ok = problems.length === 0;
  const backends = report.configs.map(({ name }) => name);
  result({ file, ok, backends, problems, warnings, notes }, () => describeReport(file, report));
  if (!ok) process.exitCode = 1;
}

interface Report extends ConfigReport {
  warnings: string[];
}

function describeReport(file: string, { configs, problems, warnings, notes }: Report): string {
  const names = configs.map(({ name }) => name).join(', ');
  return [
    problems.length === 0
      ? `${file} is fine. Backends: ${names}.`
      : pc.red(`${file} is not usable:`),
    ...problems.map((problem) => `  ${printable(problem)}`),
    ...warnings.map((warning) => `${pc.yellow('warning:')} ${printable(warning)}`),
    ...notes.map((note) => `${pc.yellow('note:')} ${printable(note)}`),
  ].join('\n');
}

interface ShowFlags extends FileFlag {
  effective: boolean;
  backend?: string;
}

async function show({ result }: Session, { config: file, effective, backend }: ShowFlags) {
  const { readConfig } = await import('../../worker/config.js');
  const { effectiveOptions } = await import('../../worker/effective-options.js');
  const text = readConfig(file);
  const known = Object.keys(text.backends);
  if (backend !== undefined && !known.includes(backend)) {
    const message = `${file} has no backend ${backend}; there are: ${known.join(', ')}`;
    throw new InvalidInput([{ field: 'backend', message }]);
  }
  const options = (backend === undefined ? known : [backend])
    .flatMap((name) => effectiveOptions(text, name))
    .filter(({ from }) => effective || from === 'backend' || from === 'defaults');
  result(options, () => table(optionColumns, options, process.stdout.columns));
}

const optionColumns: Column<EffectiveOption>[] = [
  { title: 'BACKEND', value: ({ backend }) => backend },
  { title: 'OPTION', value: ({ name }) => name },
  { title: 'VALUE', value: ({ value }) => inWords(value), mayShrink: true },
  { title: 'FROM', value: ({ from }) => from },
  { title: '', value: ({ noEffect }) => (noEffect === undefined ? '' : 'no effect') },
];

const inWords = (value: unknown): string =>
  value === null ? '-' : typeof value === 'string' ? value : JSON.stringify(value);

async function importConf({ result }: Session, file: string, { backend }: { backend?: string[] }) {
  const { readFile } = await import('node:fs/promises');
  const { importManilaConf } = await import('../../worker/manila/import.js');
  const { checkConfig, parseConfig } = await import('../../worker/config.js');
  const { yaml, notes } = importManilaConf(await readFile(file, 'utf8'), backend);
  const { problems } = checkConfig(parseConfig('the new hawser.yaml', yaml));
  const told = [...notes, ...problems.map((problem) => `still to be done: ${problem}`)];
  for (const note of told) process.stderr.write(`${pc.yellow('note:')} ${printable(note)}\n`);
  result({ yaml, notes: told }, () => yaml.trimEnd());
}
