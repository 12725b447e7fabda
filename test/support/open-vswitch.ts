import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import { createRun, type Run } from '../../host-interface/programs.js';
import { createNamespace, noNamespaces } from './network-namespace.js';

const execute = promisify(execFile);
const schema = '/usr/share/openvswitch/vswitch.ovsschema';

/** A run of the tests that is killed stops nothing itself. */
const dyingWithUs = ['setpriv', '--pdeathsig', 'KILL', '--'];

/** Undefined where a test may run an Open vSwitch of its own; otherwise why not. */
export const noOpenVswitch: string | undefined = noNamespaces ?? lacking();

function lacking(): string | undefined {
  try {
    for (const file of [schema, '/usr/sbin/ovs-vswitchd', '/dev/net/tun']) accessSync(file);
    return undefined;
  } catch (error) {
    return `Debian's package openvswitch-switch is wanted (${String(error)})`;
  }
}

/** A host with an Open vSwitch of its own, switching in user space: no kernel module is needed. */
export async function startOpenVswitch(): Promise<{ run: Run; remove: () => Promise<void> }> {
  const undo: (() => Promise<unknown>)[] = [];
  const remove = async () => {
    for (let step = undo.pop(); step; step = undo.pop()) await step();
  };
  try {
    return { run: await start(undo), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function start(undo: (() => Promise<unknown>)[]): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'hawser-ovs-'));
  undo.push(async () => rm(folder, { recursive: true }));
  const namespace = await createNamespace();
  undo.push(async () => namespace.remove());
  const within = ['ip', 'netns', 'exec', namespace.name, 'env', `OVS_RUNDIR=${folder}`];
  const run = createRun(within);
  const startDaemon = (...command: string[]) => {
    const [program = '', ...args] = [...within, ...dyingWithUs, ...command];
    const child = spawn(program, args, { stdio: 'ignore' });
    undo.push(async () => {
      if (child.exitCode === null && child.kill()) await once(child, 'close');
    });
  };
  const socket = join(folder, 'db.sock');
  await execute('ovsdb-tool', ['create', join(folder, 'conf.db'), schema]);
  startDaemon('ovsdb-server', join(folder, 'conf.db'), `--remote=punix:${socket}`);
  const vsctl = async (...args: string[]) => run('ovs-vsctl', '--timeout=10', ...args);
  await vi.waitFor(async () => vsctl('--no-wait', 'init'), { timeout: 10_000 });
  startDaemon('ovs-vswitchd', `unix:${socket}`);
  await vsctl('add-br', 'br-int', '--', 'set', 'Bridge', 'br-int', 'datapath_type=netdev');
  return run;
}
