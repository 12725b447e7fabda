import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { HawserClient } from '../client/index.js';
import { openCloud } from '../dev/cloud.js';
import { startEnvironment, type EmbeddedEnvironment } from '../dev/environment.js';
import type { UndoStack } from '../dev/undo-stack.js';
import { CloudControl } from '../faults/control.js';
import { fewAtATime } from '../workflows/few-at-a-time.js';
import { shareWorkflowId } from '../workflows/model.js';
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

export interface Tenant {
  network: string;
  subnet: string;
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

/** The ids of the network that shares are made in. */
export async function tenantOf({ environment }: Bench): Promise<Tenant> {
  const { session, network } = openCloud(environment.cloudsYaml, 'hawser');
  try {
    const [net] = await network.listNetworks({ name: 'demo-net' });
    const [subnet] = await network.listSubnets({ name: 'demo-subnet' });
    return { network: net?.id ?? '', subnet: subnet?.id ?? '' };
  } finally {
    await session.close();
  }
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
  at: Date;
  requests: number;
  commands: number;
  /** Events so far in each workflow that runs, by its run. */
  lengths: Map<string, number>;
}

/** Ids of shares that only stand by begin with it: they are not looked at, one by one, for each count. */
export const idlePrefix = 'idle-';

export async function markOf(bench: Bench): Promise<Mark> {
  const at = new Date();
  return { at, ...(await countCalls(bench)), lengths: await lengthsOf(bench, isRunning) };
}

/** What was asked of the cloud, its hosts and Temporal since. */
export async function costSince(bench: Bench, mark: Mark): Promise<Cost> {
  const { requests, commands } = await countCalls(bench);
  const query = `(${isRunning} OR CloseTime >= '${mark.at.toISOString()}')`;
  let events = 0;
  for (const [run, length] of await lengthsOf(bench, query)) {
    events += length - (mark.lengths.get(run) ?? 0);
  }
  return { requests: requests - mark.requests, commands: commands - mark.commands, events };
}

async function countCalls({ control, project }: Bench): Promise<Omit<Cost, 'events'>> {
  const { ssh: commands = 0, ...services } = await control.counts(project);
  return { requests: Object.values(services).reduce((sum, count) => sum + count, 0), commands };
}

const isRunning = "ExecutionStatus = 'Running'";
const describedAtOnce = 10;

async function lengthsOf({ hawser }: Bench, condition: string): Promise<Map<string, number>> {
  const { workflow } = hawser.temporal;
  const query = `${condition} AND WorkflowId NOT STARTS_WITH '${shareWorkflowId(idlePrefix)}'`;
  const found: WorkflowExecutionInfo[] = [];
  for await (const one of workflow.list({ query })) found.push(one);
  const lengths = await fewAtATime(describedAtOnce, found, async (one) => {
    // A list tells the length of closed ones only.
    const { workflowId, runId, status } = one;
    const { historyLength } =
      status.name === 'RUNNING' ? await workflow.getHandle(workflowId, runId).describe() : one;
    return [runId, historyLength] as const;
  });
  return new Map(lengths);
}
