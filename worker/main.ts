import { Client } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import { backendsOf, type Backend } from '../activities/backend.js';
import { taskQueue, waitingTaskQueue } from '../workflows/model.js';
import { closeBackend } from './backends.js';
import { findCommonServer } from './common-server.js';
import { ConfigError, loadConfig } from './config.js';
import { scheduleEnsuring } from './ensure-schedule.js';
import { activityInterceptors } from './interceptors.js';
import { installLogger, type Log } from './logger.js';
import { openChecked } from './prerequisites/index.js';
import { registerBackends } from './register-backends.js';
import { registerSearchAttributes } from './register-search-attributes.js';
import { loadWorkflowBundle } from './workflow-bundle.js';
import { scheduleSweeping } from './sweep-schedule.js';

/** Of each backend; they only hold a promise and send a heartbeat. */
const WAITING_AT_ONCE = 2000;

/**
 * Of all backends of a worker together, some 0.3 MiB each. Each share and instance is one for as long as it lives, and begins
 * anew after every operation: those that are not in memory are read again within milliseconds. Temporal's own default goes by
 * what Node might use of this machine, for each backend.
 */
const CACHED_WORKFLOWS = 600;
/** Of each backend: a hundred steps at once, with the workflows that wait for them. */
const LEAST_CACHED = 200;

export interface RunOptions {
  configPath: string;
  /** Serves these backends only, and reads no others; without it, all of the configuration. */
  backends?: string[] | undefined;
  /** Whether what the options name in the cloud is looked up before any work is taken. */
  lookInCloud: boolean;
  /** Stops taking work and returns when what runs has ended or was handed back. */
  signal: AbortSignal;
}

/**
 * Runs a worker for each backend of the configuration until `signal` aborts. Rejects with a `ConfigError`
 * that lists all mistakes, in the file and in what it names, or with `TemporalUnreachable`, before any work is taken.
 */
export async function runWorker(options: RunOptions): Promise<void> {
  const { configPath, signal } = options;
  const log = installLogger();
  const configs = loadConfig(configPath, options.backends);
  const { backends, problems, warnings } = await openChecked(configs, configPath, options);
  if (problems.length > 0) throw new ConfigError(configPath, problems);
  for (const warning of warnings) log.warn(warning);
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await connect(connectionOptions);
  try {
    await registerSearchAttributes(connection, namespace);
    await registerNames(backends, connection, namespace, log);
    const temporal = new Client({ connection, namespace });
    const workers = await createWorkers(backends, temporal, connection, namespace);
    if (signal.aborted) return;
    for (const config of configs) {
      await scheduleEnsuring(temporal, config, log);
      await scheduleSweeping(temporal, config, log);
    }
    const stopWanted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    for (const backend of backends) void tidyHost(backend, log);
    for (const backend of backends) void findCommonServer({ backend, temporal, signal, log });
    log.info({ backends: backends.map(({ name }) => name), namespace }, 'worker ready');
    await Promise.all(workers.map((worker) => worker.runUntil(stopWanted)));
  } finally {
    for (const backend of backends) {
      await closeBackend(backend).catch((error: unknown) => {
        log.warn({ error, backend: backend.name }, 'closing the connections failed');
      });
    }
    await connection.close();
  }
}

export class TemporalUnreachable extends Error {
  override readonly name = 'TemporalUnreachable';

  constructor(address: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(
      `Temporal is not reachable at ${address} (${reason}). Start it, or set TEMPORAL_ADDRESS; ` +
        '`hawser dev` starts one with an embedded cloud.',
      { cause },
    );
  }
}

async function connect(
  options: ReturnType<typeof loadClientConnectConfig>['connectionOptions'],
): Promise<NativeConnection> {
  try {
    return await NativeConnection.connect(options);
  } catch (error) {
    throw new TemporalUnreachable(options.address ?? 'localhost:7233', error);
  }
}

async function createWorkers(
  backends: Backend[],
  temporal: Client,
  connection: NativeConnection,
  namespace: string,
): Promise<Worker[]> {
  const workflowBundle = await loadWorkflowBundle();
  const activities = createActivities(backendsOf(backends), temporal);
  const shared: Omit<WorkerOptions, 'taskQueue'> = {
    connection,
    namespace,
    activities,
    interceptors: { activity: [activityInterceptors] },
    // A heartbeat is sent each second, a dead worker is missed after four, and one that stalls for less is not.
    maxHeartbeatThrottleInterval: '1s',
    shutdownGraceTime: '10s',
  };
  return Promise.all(
    backends.flatMap(({ name }) => [
      Worker.create({
        ...shared,
        taskQueue: taskQueue(name),
        workflowBundle,
        maxCachedWorkflows: Math.max(LEAST_CACHED, Math.floor(CACHED_WORKFLOWS / backends.length)),
        // A dead worker's workflows are wanted elsewhere at once; the default waits 10 s for it.
        stickyQueueScheduleToStartTimeout: '1s',
      }),
      Worker.create({
        ...shared,
        taskQueue: waitingTaskQueue(taskQueue(name)),
        maxConcurrentActivityTaskExecutions: WAITING_AT_ONCE,
        maxConcurrentActivityTaskPolls: 2,
      }),
    ]),
  );
}

/** Without it all works, but for an empty backend in a list. */
async function registerNames(
  backends: Backend[],
  connection: NativeConnection,
  namespace: string,
  log: Log,
): Promise<void> {
  const names = backends.map(({ name }) => name);
  try {
    await registerBackends(connection, namespace, names);
  } catch (error) {
    log.warn({ error, names }, "the namespace does not take the backends' names");
  }
}

/** What service networks left on this host while no worker ran here; the next release or connection looks again. */
async function tidyHost({ hostInterface, name }: Backend, log: Log): Promise<void> {
  try {
    await hostInterface.tidy();
  } catch (error) {
    log.warn({ error, backend: name }, 'tidying the interfaces of this host failed');
  }
}
