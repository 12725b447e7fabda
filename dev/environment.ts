import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { endProcess } from '../devcloud/hosts/processes.js';
import { project } from '../setup/tools.mjs';
import { isEmbedded, type EmbeddedCloud, type ExistingCloud } from './cloud.js';
import {
  PIDS,
  claimStateDirectory,
  emptyStateDirectory,
  requireSameHosts,
  writeHawserYaml,
  type BackendOverrides,
} from './files.js';
import { partsOf, type CloudReady, type Part } from './parts.js';
import { makePlan, type Plan } from './plan.js';
import { ProcessRecords } from './process-records.js';

export interface EnvironmentOptions {
  stateDir: string;
  cloud: EmbeddedCloud | ExistingCloud;
  /** Default: free ones. */
  ports?: { temporal?: number; webUi?: number; cloud?: number };
  /** Told what happens, in words for people. */
  onProgress?: (message: string) => void;
  /** Default: 1. */
  workers?: number;
  /** How many of them start with it, the others when they are told to. Default: all. */
  startedWorkers?: number;
  /** More for `hawser worker`. */
  workerArguments?: string[];
  /** Variables of workers only. */
  workerEnv?: NodeJS.ProcessEnv;
  /** A checkout for each worker that it runs instead of this one. */
  workerDirectories?: string[];
  /** Default: a file, so that everything survives a restart. */
  temporalDatabase?: 'file' | 'memory';
  /** Empties the state directory first. */
  fresh?: boolean;
  /** Gives up starting; what was started is ended. */
  signal?: AbortSignal;
  /** Backends beside `generic`, once the cloud is there. */
  moreBackends?: (cloud: ExistingCloud) => BackendOverrides | Promise<BackendOverrides>;
  /** Told when a process ends and nobody asked it to. */
  onUnexpectedEnd?: (process: Part, how: string) => void;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** Temporal and workers on a cloud, ready to use; `stop` leaves nothing running that it started. */
export interface Environment {
  stateDir: string;
  temporalAddress: string;
  webUiUrl: string;
  /** Names the clouds `hawser` (the operator) and `demo` (a tenant). */
  cloudsYaml: string;
  configPath: string;
  /** What makes programs speak to this environment. */
  env: NodeJS.ProcessEnv;
  temporal: Part;
  /** Only an embedded cloud can be told what to do, at this address, and started again. */
  cloudUrl?: string;
  cloud?: Part;
  worker: Part;
  workers: Part[];
  /** Runs the command line and returns what it said. */
  hawser(
    args: string[],
    options?: { signal?: AbortSignal; env?: NodeJS.ProcessEnv },
  ): Promise<Finished>;
  stop(): Promise<void>;
}

export type EmbeddedEnvironment = Environment & Required<Pick<Environment, 'cloudUrl' | 'cloud'>>;

/**
 * Starts an environment, or starts it again where its state directory left off. What a killed former one
 * left running is ended first. Throws `StartFailed` or `StateInUse`, with nothing left running.
 */
export async function startEnvironment(
  options: EnvironmentOptions & { cloud: EmbeddedCloud },
): Promise<EmbeddedEnvironment>;
export async function startEnvironment(options: EnvironmentOptions): Promise<Environment>;
export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const stateDir = resolve(options.stateDir);
  claimStateDirectory(stateDir);
  const records = new ProcessRecords(join(stateDir, PIDS));
  const strays = records.takeOver();
  try {
    if (strays.length > 0) options.onProgress?.('Ending what an earlier run left behind');
    await Promise.all(strays.map((stray) => endProcess(stray, STRAY_PATIENCE_MS)));
    if (options.fresh) emptyStateDirectory(stateDir);
    if (isEmbedded(options.cloud)) requireSameHosts(stateDir, options.cloud.hosts);
    return await startParts(await makePlan(stateDir, options), records);
  } catch (error) {
    records.release();
    throw error;
  }
}

async function startParts(plan: Plan, records: ProcessRecords): Promise<Environment> {
  const { temporal, cloud, workers } = partsOf(plan, records);
  const say = plan.onProgress ?? (() => undefined);
  const stop = async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all([cloud.stop(), temporal.stop()]);
    records.release();
  };
  plan.signal?.addEventListener('abort', () => void stop());
  try {
    const alsoCloud = isEmbedded(plan.cloud) ? ` and an embedded cloud (${plan.cloud.hosts})` : '';
    say(`Starting Temporal${alsoCloud}`);
    const [{ existing, embedded }] = await allOrThrow([
      openCloud(plan.cloud, cloud),
      temporal.startAndAsk(),
    ]);
    plan.signal?.throwIfAborted();
    const moreBackends = (await plan.moreBackends?.(existing)) ?? {};
    writeHawserYaml(plan.configPath, existing, plan.keys, moreBackends);
    say('Starting the worker');
    await allOrThrow(workers.slice(0, plan.startedWorkers).map((worker) => worker.start()));
    return { ...environmentOf(plan, existing, { temporal, workers, stop }), ...embedded };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** An embedded cloud is started; then it is one like any other, which may be told things beside. */
async function openCloud(
  wanted: Plan['cloud'],
  part: Part<CloudReady>,
): Promise<{
  existing: ExistingCloud;
  embedded: Pick<EmbeddedEnvironment, 'cloud' | 'cloudUrl'> | undefined;
}> {
  if (!isEmbedded(wanted)) return { existing: wanted, embedded: undefined };
  const { url, cloudsYaml } = await part.startAndAsk();
  return {
    existing: { cloudsYaml, backend: { ssh_proxy: url } },
    embedded: { cloud: part, cloudUrl: url },
  };
}

function environmentOf(
  { stateDir, temporalAddress, webUiUrl, configPath, env }: Plan,
  { cloudsYaml }: ExistingCloud,
  parts: Pick<Environment, 'temporal' | 'workers' | 'stop'>,
): Environment {
  const [worker] = parts.workers;
  if (!worker) throw new Error('an environment has at least one worker');
  return {
    stateDir,
    temporalAddress,
    webUiUrl,
    cloudsYaml,
    configPath,
    env,
    ...parts,
    worker,
    hawser: (args, how) => runHawser(args, env, how),
  };
}

/** QEMU needs a moment to end its machines. */
const STRAY_PATIENCE_MS = 20_000;

/** Waits for all, also when one fails: what still starts could not be stopped. */
async function allOrThrow<T extends unknown[]>(starts: {
  [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  const outcomes = await Promise.allSettled(starts);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return Promise.all(starts) as Promise<T>;
}

function runHawser(
  args: string[],
  env: NodeJS.ProcessEnv,
  { signal, env: more }: { signal?: AbortSignal; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  const hawser = join(project, 'bin/hawser.js');
  return new Promise((resolvePromise, reject) => {
    const options = { env: { ...env, ...more }, signal, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(
      process.execPath,
      [hawser, ...args],
      options,
      (error, stdout, stderr) => {
        if (error && child.exitCode === null) reject(error);
        else resolvePromise({ code: child.exitCode ?? 0, stdout, stderr });
      },
    );
  });
}
