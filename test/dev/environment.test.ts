import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HawserClient } from '../../client/index.js';
import { startEnvironment, type EnvironmentOptions } from '../../dev/environment.js';
import { freePort } from '../../dev/ports.js';
import { identify, isAlive, type OwnedProcess } from '../../devcloud/hosts/processes.js';
import { project } from '../../setup/tools.mjs';

let stateDir: string;
let running: { stop(): Promise<void> }[] = [];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'hawser-environment-'));
});
afterEach(async () => {
  for (const each of running) await each.stop();
  running = [];
  rmSync(stateDir, { recursive: true, force: true });
});

async function start(options: Partial<EnvironmentOptions> = {}) {
  const environment = await startEnvironment({
    stateDir,
    cloud: { hosts: 'simulated' },
    ...options,
  });
  running.push(environment);
  return environment;
}

const identities = (pids: (number | undefined)[]): OwnedProcess[] =>
  pids.flatMap((pid) => identify(pid ?? -1) ?? []);

const share = {
  id: 'kept',
  protocol: 'NFS',
  sizeGib: 1,
  shareNetwork: 'demo-net/demo-subnet',
} as const;

describe('an environment', { timeout: 180_000 }, () => {
  it('serves shares, ends without a trace, and goes on where it was', async () => {
    const first = await start();
    const parts = identities([first.temporal.pid, first.cloud?.pid, first.worker.pid]);
    expect(parts).toHaveLength(3);
    const client = await HawserClient.connect({ address: first.temporalAddress });
    await client.createShare(share);
    const made = await client.waitForShare(share.id);
    await client.close();
    await expect(start()).rejects.toThrow(`is in use by process ${process.pid}`);
    await first.stop();
    expect(parts.filter(isAlive)).toEqual([]);

    const second = await start();
    const again = await HawserClient.connect({ address: second.temporalAddress });
    expect(await again.getShare(share.id)).toEqual(made);
    await again.deleteShare(share.id);
    await again.waitUntilDeleted(share.id);
    await again.close();
    await second.stop();
    await expect(start({ cloud: { hosts: 'qemu' } })).rejects.toThrow(
      'Go on with --hosts simulated',
    );
  });

  it('whose port is taken names it, and starts nothing', async () => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    await expect(start({ ports: { cloud: port } })).rejects.toThrow(
      `Port ${port}, for the embedded cloud, is not free`,
    );
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('hawser dev', { timeout: 180_000 }, () => {
  it('says what is where, starts again what was killed, and stops on Ctrl-C', async () => {
    const [temporal, ui, cloud] = [await freePort(), await freePort(), await freePort()];
    const flags = {
      '--hosts': 'simulated',
      '--state': stateDir,
      '--temporal-port': String(temporal),
      '--ui-port': String(ui),
      '--cloud-port': String(cloud),
    };
    const words = ['dev', '--fresh', ...Object.entries(flags).flat()];
    const dev = spawn(process.execPath, [join(project, 'bin/hawser.js'), ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [dev.stdout, dev.stderr]) {
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    }
    const ended = new Promise((resolve) => dev.once('exit', resolve));
    running.push({
      async stop() {
        dev.kill('SIGTERM');
        await ended;
      },
    });

    await expect.poll(() => said, { timeout: 90_000 }).toContain('Ctrl-C stops everything');
    expect(said).toContain('no data is served');
    expect(said).toContain(`http://127.0.0.1:${ui}`);
    expect(said).toContain(`export TEMPORAL_ADDRESS=127.0.0.1:${temporal}`);
    const cloudsYaml = /OS_CLIENT_CONFIG_FILE=(\S+) OS_CLOUD=demo/.exec(said)?.[1] ?? '';
    expect(existsSync(cloudsYaml)).toBe(true);

    const { children } = JSON.parse(readFileSync(join(stateDir, 'pids.json'), 'utf8')) as {
      children: OwnedProcess[];
    };
    const worker = children.at(-1);
    expect(children).toHaveLength(3);
    process.kill(worker?.pid ?? -1, 'SIGKILL');
    await expect.poll(() => said, { timeout: 60_000 }).toContain('the worker runs again');
    expect(said).toContain('the worker ended (SIGKILL)');

    dev.kill('SIGINT');
    expect(await ended).toBe(0);
    expect(said).toContain('nothing is left running');
    expect(children.filter(isAlive)).toEqual([]);
  });
});
