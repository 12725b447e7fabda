import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';
import { z } from 'zod';
import { project, serviceImagePath } from '../../setup/tools.mjs';

/** The cloud that the contract is held against. */
export interface ContractCloud {
  cloudsYaml: string;
  /** The administrator's name in clouds.yaml. */
  admin: string;
  /** Of the embedded cloud only. */
  cloudUrl?: string | undefined;
}

declare module 'vitest' {
  interface ProvidedContext {
    contractCloud: ContractCloud;
  }
}

const readyLine = z.object({ url: z.string(), cloudsYaml: z.string() });

/** One cloud for all files: the real one that HAWSER_TEST_CLOUDS_YAML names, or an embedded one. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const given = process.env['HAWSER_TEST_CLOUDS_YAML'];
  if (given) {
    provide('contractCloud', { cloudsYaml: given, admin: 'admin' });
    return async () => {};
  }
  const stateDir = await mkdtemp(join(tmpdir(), 'hawser-contract-'));
  const flags = ['--state', stateDir, '--hosts', 'qemu', '--image', serviceImagePath()];
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
  const end = async () => {
    cloud.stdin.end();
    await ended;
    await rm(stateDir, { recursive: true, force: true });
  };
  const firstLine = once(createInterface(cloud.stdout), 'line').then(([line]) => String(line));
  const line = await Promise.race([firstLine, ended.then(() => '{}')]);
  const ready = readyLine.safeParse(JSON.parse(line));
  if (!ready.success) {
    await end();
    throw new Error('The embedded cloud did not start; its words are above');
  }
  const { url: cloudUrl, cloudsYaml } = ready.data;
  provide('contractCloud', { cloudsYaml, admin: 'devcloud-admin', cloudUrl });
  return end;
}
