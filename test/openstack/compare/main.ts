/**
 * The same steps through the real Manila (generic driver) and through Hawser, on the same cloud in the same run,
 * by turns: npm run compare:openstack
 */
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { median } from '../../../bench/statistics.js';
import type { Contender, ExistingExport, Protocol } from './contender.js';
import { startHawser } from './hawser.js';
import { prepareExport } from './existing-export.js';
import { connectManila } from './manila.js';

const rounds = 3;
/** A guest goes on booting for a while after it can be reached; both get as long to become quiet. */
const restMs = 20_000;

const cloudsYaml = process.env['HAWSER_TEST_CLOUDS_YAML'];
if (!cloudsYaml)
  throw new Error('HAWSER_TEST_CLOUDS_YAML is not set: run npm run compare:openstack');

/** Seconds of each round, by row and contender. */
type Times = Map<string, Map<string, number[]>>;

async function main(cloud: string): Promise<void> {
  const times: Times = new Map();
  const contenders: Contender[] = [];
  const cleaners: (() => Promise<void>)[] = [];
  try {
    for (const connect of [connectManila, startHawser]) {
      const contender = await connect(cloud);
      contenders.push(contender);
      cleaners.push(() => contender.close());
    }
    await inTurns(contenders, async (contender, round) =>
      playRound(contender, timer(contender, round, times)),
    );
    // Last, since its server would slow down the others' when it is there.
    const existing = await prepareExport(
      cloud,
      contenders.map(({ publicKey }) => publicKey.trim()),
    );
    cleaners.push(existing.remove);
    for (const contender of contenders) await contender.untilManageable();
    await sleep(restMs);
    await inTurns(contenders, async (contender, round) => {
      await existing.exportAnew();
      await playManaging(contender, existing.exported, timer(contender, round, times));
    });
  } finally {
    // Their complaints must not hide why we are here.
    for (const clean of cleaners) {
      await clean().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
    }
  }
  process.stdout.write(`${tableOf(times, contenders).toString()}\n`);
}

async function inTurns(
  contenders: Contender[],
  play: (contender: Contender, round: string) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= rounds; round += 1) {
    for (const contender of contenders) await play(contender, String(round));
  }
}

interface Round {
  /** For the names of what it makes. */
  round: string;
  timed: <T>(row: string, work: () => Promise<T>) => Promise<T>;
}

const timer = ({ name }: Contender, round: string, times: Times): Round => ({
  round,
  timed: async (row, work) => {
    const began = performance.now();
    const result = await work();
    const seconds = (performance.now() - began) / 1000;
    record(times, row, name, seconds);
    process.stderr.write(`round ${round}  ${name}  ${row}  ${seconds.toFixed(1)} s\n`);
    return result;
  },
});

async function playRound(contender: Contender, { round, timed }: Round): Promise<void> {
  const create = (name: string, protocol: Protocol) =>
    contender.createShare(`compare-${round}-${name}`, protocol);

  const first = await timed('NFS share, first on its network', () => create('first', 'NFS'));
  await sleep(restMs);
  const nfs = await timed('NFS share on a ready instance', () => create('nfs', 'NFS'));
  const cifs = await timed('CIFS share on a ready instance', () => create('cifs', 'CIFS'));
  await timed('NFS access rule', () => contender.allowAccess(nfs, '10.10.0.77'));
  await timed('CIFS access rule', () => contender.allowAccess(cifs, '10.10.0.77'));
  await timed('NFS share extended, 1 to 2 GiB', () => contender.resizeShare(nfs, 2));
  await timed('NFS share shrunk, 2 to 1 GiB', () => contender.resizeShare(nfs, 1));
  await timed('extended again, onto the volume that is there', () => contender.resizeShare(nfs, 2));
  const snapshot = `compare-${round}-snapshot`;
  const snapshotId = await timed('snapshot', () => contender.createSnapshot(nfs, snapshot));
  const source = { shareId: nfs, snapshotId, sizeGib: 2 };
  const copy = await timed('NFS share from the snapshot', () =>
    contender.createFromSnapshot(`compare-${round}-copy`, source),
  );
  await contender.deleteShare(copy);
  await timed('snapshot deleted', () => contender.deleteSnapshot(nfs, snapshotId));
  await timed('NFS share deleted', () => contender.deleteShare(nfs));
  await timed('CIFS share deleted', () => contender.deleteShare(cifs));
  await contender.deleteShare(first);
  await timed('service instance deleted', () => contender.removeServers());
}

async function playManaging(
  contender: Contender,
  exported: ExistingExport,
  { round, timed }: Round,
): Promise<void> {
  const name = `compare-${round}-existing`;
  const id = await timed('NFS export managed', () => contender.manage(name, exported));
  await timed('NFS share unmanaged', () => contender.unmanage(id));
}

function record(times: Times, row: string, name: string, seconds: number): void {
  const byName = times.get(row) ?? new Map<string, number[]>();
  times.set(row, byName.set(name, [...(byName.get(name) ?? []), seconds]));
}

/** A ratio above 1: so many times as fast as the first contender. */
function tableOf(times: Times, contenders: Contender[]): InstanceType<typeof Table> {
  const names = contenders.map(({ name }) => name);
  const table = new Table({
    style: { head: [], border: [] },
    head: ['seconds, median (all)', ...names, `${names[0]} / ${names[1]}`],
  });
  for (const [row, byName] of times) {
    const values = names.map((name) => byName.get(name) ?? []);
    const [theirs = 0, ours = 0] = values.map(median);
    const cells = values.map(
      (all) => `${median(all).toFixed(1)}  (${all.map((one) => one.toFixed(1)).join(' ')})`,
    );
    table.push([row, ...cells, (theirs / ours).toFixed(1)]);
  }
  return table;
}

await main(cloudsYaml);
