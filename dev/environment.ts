import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { endProcess } from '../devcloud/hosts/processes.js';
import type { HostsKind } from '../devcloud/hosts/hosts.js';
import { project } from '../setup/tools.mjs';
import {
  prepareStateDirectory,
  writeHawserYaml,
  type BackendOverrides,
  type CloudFacts,
} from './files.js';
import { partsOf, type Part } from './parts.js';
import { makePlan } from './plan.js';
import { ProcessRecords } from './process-records.js';

export interface EnvironmentOptions {
  stateDir: string;
  hosts: HostsKind;
  /** Default: free ones. */
  ports?: { temporal?: number; webUi?: number; cloud?: number };
  /** Told what happens, in words for people. */
  onProgress?: (message: string) => void;
  /** Default: 1. */
  workers?: number;
  /** Default: a file, so that everything survives a restart. */
  temporalDatabase?: 'file' | 'memory';
  /** Empties the state directory first. */
  fresh?: boolean;
  /** More arguments for the embedded cloud, for instance its latencies. */
  cloudArguments?: string[];
  /** Gives up starting; what was started is ended. */
  signal?: AbortSignal;
  /** Backends beside `generic`, once the cloud is there. */
  moreBackends?: (cloud: CloudFacts) => BackendOverrides;
  /** Told when a process ends and nobody asked it to. */
  onUnexpectedEnd?: (process: Part, how: string) => void;
}

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

/** Temporal, an embedded cloud and workers, ready to use; `stop` leaves nothing running. */
export interface Environment {
  stateDir: string;
  temporalAddress: string;
  webUiUrl: string;
  cloudUrl: string;
  /** Names the clouds `hawser` (the operator) and `demo` (a tenant). */
  cloudsYaml: string;
  configPath: string;
  /** What makes programs speak to this environment. */
  env: NodeJS.ProcessEnv;
  temporal: Part;
  cloud: Part;
  worker: Part;
  workers: Part[];
  /** Runs the command line and returns what it said. */
  hawser(
    args: string[],
    options?: { signal?: AbortSignal; env?: NodeJS.ProcessEnv },
  ): Promise<Finished>;
  stop(): Promise<void>;
}

/**
 * Starts an environment, or starts it again where its state directory left off. What a killed former one
 * left running is ended first. Throws `StartFailed` or `StateInUse`, with nothing left running.
 */
export async function startEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const stateDir = resolve(options.stateDir);
  const say = options.onProgress ?? (() => undefined);
  const records = new ProcessRecords(join(stateDir, 'pids.json'));
  const strays = records.takeOver();
  if (strays.length > 0) say('Ending what an earlier run left behind');
  await Promise.all(strays.map((stray) => endProcess(stray, STRAY_PATIENCE_MS)));
  prepareStateDirectory(stateDir, options.fresh ?? false);

  const plan = await makePlan(stateDir, options);
  const { temporal, cloud, workers } = partsOf(plan, records);
  const stop = async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all([cloud.stop(), temporal.stop()]);
    records.release();
  };
  options.signal?.addEventListener('abort', () => void stop());
  try {
    say(`Starting Temporal and the embedded cloud (${plan.hosts} hosts)`);
    const [{ url, cloudsYaml }] = await allOrThrow([cloud.startAndAsk(), temporal.startAndAsk()]);
    const facts = { url, cloudsYaml };
    writeHawserYaml(plan.configPath, facts, plan.keys, options.moreBackends?.(facts) ?? {});
    options.signal?.throwIfAborted();
    say('Starting the worker');
    await allOrThrow(workers.map((worker) => worker.start()));
    const [worker] = workers;
    if (!worker) throw new Error('an environment has at least one worker');
    const { temporalAddress, webUiUrl, configPath, env } = plan;
    const addresses = { temporalAddress, webUiUrl, cloudUrl: url, cloudsYaml };
    const hawser: Environment['hawser'] = (args, how) => runHawser(args, env, how);
    return {
      stateDir,
      ...addresses,
      configPath,
      env,
      temporal,
      cloud,
      worker,
      workers,
      hawser,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
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
