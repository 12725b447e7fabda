import { join } from 'node:path';
import { z } from 'zod';
import { project } from '../setup/tools.mjs';
import { isEmbedded } from './cloud.js';
import { OwnedProcess, type OwnedProcessSpec } from './owned-process.js';
import type { Plan } from './plan.js';
import type { ProcessRecords } from './process-records.js';
import { temporalAnswers, temporalCommand } from './temporal.js';

/** One of the processes that make up an environment. */
export class Part<Ready = unknown> {
  readonly name: string;
  readonly logFile: string;
  readonly #process: OwnedProcess<Ready>;

  constructor(spec: Omit<OwnedProcessSpec<Ready>, 'onUnexpectedEnd'>, onUnexpectedEnd?: Ended) {
    this.name = spec.name;
    this.logFile = spec.logFile;
    this.#process = new OwnedProcess({
      ...spec,
      onUnexpectedEnd: (how) => onUnexpectedEnd?.(this, how),
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Starts it and returns what it says of itself. Throws `StartFailed`. */
  startAndAsk(): Promise<Ready> {
    return this.#process.start();
  }

  /** Returns when it is ready. Throws `StartFailed`. */
  async start(): Promise<void> {
    await this.#process.start();
  }

  /** Returns when it is gone. Safe to repeat. */
  stop(): Promise<void> {
    return this.#process.stop();
  }

  /** Ends it as a crash would; returns when it is gone. */
  kill9(): Promise<void> {
    return this.#process.kill9();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}

type Ended = (part: Part, how: string) => void;

const cloudReady = z.object({ url: z.string(), cloudsYaml: z.string() });
export type CloudReady = z.infer<typeof cloudReady>;
const workerReady = z.object({ msg: z.literal('worker ready') });

export function partsOf(plan: Plan, records: ProcessRecords) {
  const { env, ports, stateDir, onUnexpectedEnd } = plan;
  const owned = { env, records, directory: project };
  const logFile = (name: string) => join(stateDir, 'logs', `${name}.log`);
  // Resolved from the directory it runs in, the checkout.
  const withTypeScript = [process.execPath, '--import', 'tsx'];

  const temporal = new Part(
    {
      ...owned,
      name: 'Temporal',
      logFile: logFile('temporal'),
      command: temporalCommand({
        program: plan.temporalProgram,
        port: ports.temporal,
        webUiPort: ports.webUi,
        databaseFile:
          plan.temporalDatabase === 'memory' ? undefined : join(stateDir, 'temporal.db'),
      }),
      ready: { probe: () => temporalAnswers(plan.temporalAddress) },
      readyWithinMs: 60_000,
      stopWithinMs: 10_000,
    },
    onUnexpectedEnd,
  );

  const embedded = isEmbedded(plan.cloud) ? plan.cloud : undefined;
  const cloudFlags = ['--state', join(stateDir, 'cloud'), '--port', String(ports.cloud)];
  const hostFlags = embedded ? ['--hosts', embedded.hosts, '--image', plan.imageFile] : [];
  const cloud = new Part(
    {
      ...owned,
      name: 'the embedded cloud',
      logFile: logFile('cloud'),
      command: [
        ...withTypeScript,
        'devcloud/main.ts',
        ...cloudFlags,
        ...hostFlags,
        ...(embedded?.arguments ?? []),
      ],
      ready: { line: (text) => parseLine(cloudReady, text) },
      readyWithinMs: 60_000,
      stopWithinMs: 30_000,
    },
    onUnexpectedEnd,
  );

  const workers = Array.from({ length: plan.workers ?? 1 }, (_, at) => {
    const suffix = at === 0 ? '' : `-${at + 1}`;
    return new Part(
      {
        ...owned,
        env: { ...env, ...plan.workerEnv },
        directory: plan.workerDirectories?.[at] ?? project,
        name: `the worker${suffix}`,
        logFile: logFile(`worker${suffix}`),
        command: [
          process.execPath,
          'bin/hawser.js',
          'worker',
          '--config',
          plan.configPath,
          ...(plan.workerArguments ?? []),
        ],
        ready: { line: (text) => parseLine(workerReady, text) },
        readyWithinMs: 120_000,
        stopWithinMs: 15_000,
      },
      onUnexpectedEnd,
    );
  });
  return { temporal, cloud, workers };
}

/** The line as the schema wants it, or undefined: logs hold other lines too. */
function parseLine<T>(schema: z.ZodType<T>, text: string): T | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
