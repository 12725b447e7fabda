import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';
import { z } from 'zod';
import { isEmbedded } from '../../dev/cloud.js';
import { undoneOnFailure } from '../../dev/undo-stack.js';
import { project, serviceImagePath } from '../../setup/tools.mjs';
import { cloudUnderTest } from '../support/cloud-under-test.js';

/** The cloud that the contract is held against. */
export interface ContractCloud {
  cloudsYaml: string;
  /** Of the embedded cloud only. */
  cloudUrl?: string | undefined;
  /** As the cloud's Neutron calls this machine; if undefined, there is only one that it could be. */
  host?: string | undefined;
}

declare module 'vitest' {
  interface ProvidedContext {
    contractCloud: ContractCloud | { problem: string };
  }
}

const readyLine = z.object({ url: z.string(), cloudsYaml: z.string() });

/** One cloud for all files: the real one that HAWSER_TEST_CLOUDS_YAML names, or an embedded one. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const target = cloudUnderTest();
  if (!isEmbedded(target)) {
    const { cloudsYaml, host } = target;
    provide('contractCloud', { cloudsYaml, host });
    return async () => {};
  }
  try {
    const { end, ...cloud } = await startEmbeddedCloud();
    provide('contractCloud', cloud);
    return end;
  } catch (error) {
    // Thrown from here, it would end the run: no test of any project, though few need this cloud.
    provide('contractCloud', { problem: error instanceof Error ? error.message : String(error) });
    return async () => {};
  }
}

const startEmbeddedCloud = async (): Promise<ContractCloud & { end: () => Promise<void> }> =>
  undoneOnFailure(async (undo) => {
    const image = serviceImagePath();
    const stateDir = await mkdtemp(join(tmpdir(), 'hawser-contract-'));
    undo.push(() => rm(stateDir, { recursive: true, force: true }));
    const flags = ['--state', stateDir, '--hosts', 'qemu', '--image', image];
    const cloud = spawn(
      process.execPath,
      ['--import', 'tsx', 'devcloud/main.ts', ...flags, '--exit-with-parent'],
      {
        cwd: project,
        env: { ...process.env, DEVCLOUD_LOG: 'error' },
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const ended = once(cloud, 'close');
    undo.push(async () => {
      cloud.stdin.end();
      await ended;
    });
    const firstLine = once(createInterface(cloud.stdout), 'line').then(([line]) => String(line));
    const line = await Promise.race([firstLine, ended.then(() => '{}')]);
    const ready = readyLine.safeParse(JSON.parse(line));
    if (!ready.success) throw new Error('The embedded cloud did not start; its words are above');
    return { cloudUrl: ready.data.url, cloudsYaml: ready.data.cloudsYaml, end: undo.undoAll };
  });
