import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HawserClient } from '../client/index.js';
import { openCloud } from '../dev/cloud.js';
import { startEnvironment, type EmbeddedEnvironment } from '../dev/environment.js';
import { freePort } from '../dev/ports.js';
import { undoneOnFailure, type UndoStack } from '../dev/undo-stack.js';
import type { HostsKind } from '../devcloud/hosts/hosts.js';
import { buildWith, newerBuild } from './builds.js';
import { defaultLatencies } from '../devcloud/latencies.js';
import { project } from '../setup/tools.mjs';
import { CloudControl } from './control.js';
import type { Guests } from './guests.js';
import { hostsOfBench } from './hosts.js';
import {
  backendsOf,
  laneName,
  makeAccounts,
  openLanes,
  uploadBootableImage,
  writeCloudsYaml,
  type Lane,
  type Layout,
} from './lanes.js';
import { Replayer } from './oracles/replay.js';
import { Callers } from './oracles/secrets.js';
import { StruckFaults } from './struck.js';
import { Sufferings } from './suffer.js';
import { WorkerLine } from './worker-line.js';

/** Temporal, a cloud and a worker that harm is done to, and the lanes that it is done in. */
export interface Bench {
  environment: EmbeddedEnvironment;
  control: CloudControl;
  line: WorkerLine;
  hawser: HawserClient;
  /** Who calls `hawser`, and what they are told. */
  callers: Callers;
  lanes: Lane[];
  guests: Guests;
  /** What limits of time are multiplied by. */
  patience: number;
  struck: StruckFaults;
  sufferings: Sufferings;
  /** Undefined where workers run another checkout: its histories are another code's. */
  replayer: Replayer | undefined;
  close(): Promise<void>;
}

export interface BenchOptions {
  stateDir: string;
  /** Default: simulated ones. */
  hosts?: HostsKind;
  lanes: Layout[];
  /** A checkout that the worker runs instead of this one. */
  workerDirectory?: string;
  /** Gives up starting; what was started is ended. */
  signal?: AbortSignal;
}

/** A cloud's own pauses would be most of what a run waits for. */
const quick = Object.entries(defaultLatencies).flatMap(([name, ms]) =>
  ms > 0 ? `${name}=20ms` : [],
);

export const openBench = (options: BenchOptions): Promise<Bench> =>
  undoneOnFailure((undo) => open(options, undo));

async function open(
  { stateDir, hosts = 'simulated', lanes: layouts, workerDirectory, signal }: BenchOptions,
  undo: UndoStack,
): Promise<Bench> {
  const kindOfHosts = hostsOfBench[hosts];
  const { patience } = kindOfHosts;
  const temporalPort = await freePort();
  const { line, address } = await WorkerLine.open(temporalPort);
  undo.push(() => line.close());
  let lanes: Lane[] = [];
  const newer = await mkdtemp(join(tmpdir(), 'hawser-newer-'));
  undo.push(() => rm(newer, { recursive: true, force: true }));
  await buildWith(newerBuild, newer, workerDirectory);
  const environment = await startEnvironment({
    stateDir,
    cloud: { hosts, arguments: ['--latency', quick.join(','), ...kindOfHosts.arguments(stateDir)] },
    ports: { temporal: temporalPort },
    workerEnv: { TEMPORAL_ADDRESS: address },
    ...(signal && { signal }),
    workers: 3,
    // The first one alone: what the newer build began, also a look at a server, the others may not go on with.
    startedWorkers: 1,
    workerDirectories: [workerDirectory ?? project, workerDirectory ?? project, newer],
    workerArguments: [
      '--no-cloud-check',
      ...layouts.flatMap((_, at) => ['--backend', laneName(at)]),
    ],
    moreBackends: async ({ cloudsYaml, backend }) => {
      const admin = openCloud(cloudsYaml, 'admin');
      const control = new CloudControl(String(backend['ssh_proxy']));
      const accounts = await makeAccounts(admin, control, layouts);
      if (layouts.includes('volume')) await uploadBootableImage(admin);
      await admin.session.close();
      const lanesYaml = writeCloudsYaml(stateDir, cloudsYaml, accounts);
      // A worker looks for the server that is to be there before it as soon as it starts.
      lanes = await openLanes(lanesYaml, accounts, stateDir);
      undo.push(async () => {
        for (const { cloud } of lanes) await cloud.session.close();
      });
      return backendsOf(lanesYaml, accounts, patience);
    },
  });
  undo.push(() => environment.stop());
  const control = new CloudControl(environment.cloudUrl);
  const guests = kindOfHosts.openGuests(environment, control);
  undo.push(async () => guests.close());
  const client = await HawserClient.connect({ address: environment.temporalAddress });
  undo.push(() => client.close());
  const callers = new Callers(lanes.flatMap(({ secrets }) => secrets));
  return {
    environment,
    control,
    line,
    hawser: callers.overhear(client),
    callers,
    lanes,
    guests,
    patience,
    struck: new StruckFaults(control),
    sufferings: new Sufferings({ environment, control, line }),
    replayer: workerDirectory === undefined ? await Replayer.open() : undefined,
    close: undo.undoAll,
  };
}
