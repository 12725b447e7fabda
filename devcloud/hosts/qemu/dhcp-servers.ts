import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { NetworkPlane } from '../hosts.js';
import { endProcess, identify, isAlive, ownedProcess } from '../processes.js';
import { readState, writeState } from '../state-file.js';
import { type DhcpConfig, dhcpConfig } from './dhcp-config.js';

const servers = z.record(z.string(), ownedProcess);

/** One dnsmasq for each network, in the network's own namespace; they outlive this process. */
export class DhcpServers {
  readonly #dir: string;
  readonly #recordFile: string;

  constructor(dir: string) {
    this.#dir = join(dir, 'dhcp');
    this.#recordFile = join(dir, 'dhcp-servers.json');
  }

  /** `namespaces`: networks by the namespace that serves them. */
  async apply(plane: NetworkPlane, namespaces: ReadonlyMap<string, string>): Promise<void> {
    const running = (await readState(this.#recordFile, servers)) ?? {};
    for (const [namespace, networkId] of namespaces) {
      const dir = join(this.#dir, networkId);
      const config = dhcpConfig(plane, networkId, dir);
      const changes = await this.#write(dir, config);
      const process = running[namespace];
      if (process && isAlive(process) && !changes.main) {
        if (changes.leases) globalThis.process.kill(process.pid, 'SIGHUP');
        continue;
      }
      if (process) await endProcess(process, 500);
      running[namespace] = await startDnsmasq(namespace, dir);
      await writeState(this.#recordFile, running);
    }
  }

  /** Ends the servers of all namespaces but these. Call it before the namespaces go. */
  async keepOnly(namespaces: ReadonlyMap<string, string>): Promise<void> {
    const running = (await readState(this.#recordFile, servers)) ?? {};
    const old = Object.entries(running).filter(([namespace]) => !namespaces.has(namespace));
    if (old.length === 0) return;
    for (const [namespace, process] of old) {
      await endProcess(process, 500);
      delete running[namespace];
    }
    await writeState(this.#recordFile, running);
  }

  async #write(dir: string, config: DhcpConfig): Promise<{ main: boolean; leases: boolean }> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const main = await writeIfChanged(join(dir, 'dnsmasq.conf'), config.main);
    const hosts = await writeIfChanged(join(dir, 'hosts'), config.hosts);
    const options = await writeIfChanged(join(dir, 'options'), config.options);
    return { main, leases: hosts || options };
  }

  async remove(): Promise<void> {
    await this.keepOnly(new Map());
    await rm(this.#dir, { recursive: true, force: true });
    await rm(this.#recordFile, { force: true });
  }
}

async function writeIfChanged(file: string, content: string): Promise<boolean> {
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before === content) return false;
  await writeFile(file, content, { mode: 0o600 });
  return true;
}

async function startDnsmasq(namespace: string, dir: string) {
  const command = ['netns', 'exec', namespace, 'dnsmasq', '--keep-in-foreground'];
  const child = spawn('ip', [...command, `--conf-file=${join(dir, 'dnsmasq.conf')}`], {
    detached: true,
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  child.unref();
  const process = child.pid === undefined ? undefined : identify(child.pid);
  if (!process) throw new Error(`dnsmasq did not start in namespace ${namespace}`);
  return process;
}
