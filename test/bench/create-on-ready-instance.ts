/**
 * How long a create takes on a ready service instance (QEMU), and where the time goes, from the histories of
 * the creates: npm run bench:create
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { HawserClient } from '../../client/index.js';
import { startEnvironment } from '../../dev/environment.js';

const rounds = 5;
const shareNetwork = 'demo-net/demo-subnet';

/** Which of the two each step waits for. */
const waitsFor: Record<string, 'cloud' | 'guest'> = {
  resolveShareNetwork: 'cloud',
  ensureVolume: 'cloud',
  attachVolume: 'cloud',
  formatVolume: 'guest',
  mountShare: 'guest',
  applyNfsExports: 'guest',
  applyCifsShare: 'guest',
};

interface Timing {
  totalMs: number;
  steps: Record<string, number>;
}

async function main(): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hawser-bench-'));
  const environment = await startEnvironment({ stateDir, cloud: { hosts: 'qemu' } });
  const hawser = await HawserClient.connect({ address: environment.temporalAddress });
  try {
    await create(hawser, 'warm-up', 'NFS');
    // The guest is still busy with the end of its boot.
    await sleep(20_000);
    for (const protocol of ['NFS', 'CIFS'] as const) {
      const timings: Timing[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        timings.push(await create(hawser, `${protocol.toLowerCase()}-${round}`, protocol));
      }
      print(protocol, timings);
    }
  } finally {
    await hawser.close();
    await environment.stop();
    await rm(stateDir, { recursive: true, force: true });
  }
}

async function create(hawser: HawserClient, id: string, protocol: 'NFS' | 'CIFS'): Promise<Timing> {
  const startedAt = Date.now();
  await hawser.createShare({ id, protocol, sizeGib: 1, shareNetwork });
  await hawser.waitForShare(id, { intervalMs: 50 });
  const totalMs = Date.now() - startedAt;
  const steps = await stepsOf(hawser, `createShare-${id}-1`);
  await hawser.deleteShare(id);
  await hawser.waitUntilDeleted(id);
  return { totalMs, steps };
}

/** Milliseconds from the scheduling of each activity to its completion. */
async function stepsOf(hawser: HawserClient, workflowId: string): Promise<Record<string, number>> {
  const { events } = await hawser.temporal.workflow.getHandle(workflowId).fetchHistory();
  const steps: Record<string, number> = {};
  const scheduled = new Map<string, { name: string; atMs: number }>();
  for (const event of events ?? []) {
    const atMs = Number(event.eventTime?.seconds) * 1000 + Number(event.eventTime?.nanos) / 1e6;
    const begun = event.activityTaskScheduledEventAttributes;
    if (begun) {
      scheduled.set(String(event.eventId), { name: begun.activityType?.name ?? '', atMs });
    }
    const ended = event.activityTaskCompletedEventAttributes;
    const step = ended && scheduled.get(String(ended.scheduledEventId));
    if (step) steps[step.name] = atMs - step.atMs;
  }
  return steps;
}

function print(protocol: string, timings: Timing[]): void {
  const names = Object.keys(timings[0]?.steps ?? {}).filter((name) => name in waitsFor);
  const of = (wanted: 'cloud' | 'guest') => (timing: Timing) =>
    names
      .filter((name) => waitsFor[name] === wanted)
      .reduce((sum, name) => sum + (timing.steps[name] ?? 0), 0);
  const table = new Table({
    style: { head: [], border: [] },
    head: [`${protocol} on a ready instance`, 'median s', 'min', 'max'],
  });
  const row = (label: string, value: (timing: Timing) => number) => {
    const values = timings.map(value).toSorted((a, b) => a - b);
    const median = values[Math.floor(values.length / 2)] ?? 0;
    const shown = [median, values[0] ?? 0, values.at(-1) ?? 0];
    table.push([label, ...shown.map((ms) => (ms / 1000).toFixed(2))]);
  };
  for (const name of names) row(`${name} (${waitsFor[name]})`, ({ steps }) => steps[name] ?? 0);
  row('waiting for the cloud', of('cloud'));
  row('waiting for the guest', of('guest'));
  row('the rest: Temporal, the service instance, ourselves', (timing) =>
    Math.max(0, timing.totalMs - of('cloud')(timing) - of('guest')(timing)),
  );
  row('share create to available', ({ totalMs }) => totalMs);
  process.stdout.write(`${table.toString()}\n`);
}

await main();
