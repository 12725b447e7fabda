import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HawserClient } from '../client/index.js';
import { openCloud } from '../dev/cloud.js';
import { startEnvironment, type EmbeddedEnvironment } from '../dev/environment.js';
import type { UndoStack } from '../dev/undo-stack.js';
import { CloudControl } from '../faults/control.js';
import { latencyArguments } from './latencies.js';

/** The original's commands know no other root than their host's own. */
const rooted = ['--rooted'];

export const backend = 'generic';
export const shareNetwork = 'demo-net/demo-subnet';

/** A cloud with simulated hosts and known latencies, a Temporal server, and workers. */
export interface Bench {
  environment: EmbeddedEnvironment;
  hawser: HawserClient;
  control: CloudControl;
  /** The project that workers are in. */
  project: string;
}

interface BenchOptions {
  workers?: number;
  /** Default: `simulated`, for which the original is made too. */
  hosts?: 'simulated' | 'qemu';
}

export async function openBench(
  undo: UndoStack,
  { workers = 1, hosts = 'simulated' }: BenchOptions = {},
): Promise<Bench> {
  const stateDir = await mkdtemp(join(tmpdir(), 'hawser-bench-'));
  undo.push(() => rm(stateDir, { recursive: true, force: true }));
  const environment = await startEnvironment({
    stateDir,
    workers,
    cloud: { hosts, arguments: [...(hosts === 'simulated' ? rooted : []), ...latencyArguments()] },
  });
  undo.push(() => environment.stop());
  const control = new CloudControl(environment.cloudUrl);
  const { session } = openCloud(environment.cloudsYaml, 'hawser');
  undo.push(() => session.close());
  const { projectId: project } = await session.authenticate();
  await control.unlimited(project);
  const hawser = await HawserClient.connect({ address: environment.temporalAddress });
  undo.push(() => hawser.close());
  return { environment, hawser, control, project };
}

export interface Cost {
  /** To the cloud's services. */
  requests: number;
  /** On service instances. */
  commands: number;
  /** In the histories of all workflows. */
  events: number;
}

/** Where counting begins. */
export interface Mark {
  request: number;
  events: number;
}

export async function markOf({ hawser, control }: Bench): Promise<Mark> {
  const last = (await control.requests()).at(-1);
  return { request: last?.number ?? 0, events: await countEvents(hawser) };
}

/** What was asked of the cloud, its hosts and Temporal since. */
export async function costSince({ hawser, control, project }: Bench, mark: Mark): Promise<Cost> {
  const entries = (await control.requests(mark.request)).filter(
    (entry) => entry.project === project,
  );
  const commands = entries.filter(({ service }) => service === 'ssh').length;
  const events = (await countEvents(hawser)) - mark.events;
  return { requests: entries.length - commands, commands, events };
}

const lengths = new Map<string, number>();

async function countEvents({ temporal }: HawserClient): Promise<number> {
  let events = 0;
  for await (const { workflowId, runId } of temporal.workflow.list()) {
    events += lengths.get(runId) ?? (await lengthOf(temporal, workflowId, runId));
  }
  return events;
}

async function lengthOf(
  { workflow }: HawserClient['temporal'],
  workflowId: string,
  runId: string,
): Promise<number> {
  const { historyLength, status } = await workflow.getHandle(workflowId, runId).describe();
  if (status.name !== 'RUNNING') lengths.set(runId, historyLength);
  return historyLength;
}
