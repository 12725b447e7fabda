import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { HostInterfaceNotReady, HostInterfaceUnusable } from './errors.js';

const TIME_LIMIT_MS = 15_000;
/** The bit of CAP_NET_ADMIN, see capabilities(7). */
const NET_ADMIN = 1n << 12n;

const packages: Partial<Record<string, string>> = {
  ip: 'iproute2',
  'ovs-vsctl': 'openvswitch-switch',
};

/** Runs a program of this host and returns what it wrote to standard output. */
export type Run = (program: string, ...args: string[]) => Promise<string>;

/**
 * @param within a command that runs others, such as `ip netns exec NAME`; for a host of which only a part is ours
 * @throws HostInterfaceUnusable if the program is not there, HostInterfaceNotReady if it fails
 */
export const createRun =
  (within: readonly string[] = []): Run =>
  async (...command) => {
    const [program = '', ...args] = [...within, ...command];
    const options = { timeout: TIME_LIMIT_MS, env: { ...process.env, LC_ALL: 'C' } };
    return new Promise((resolve, reject) => {
      execFile(program, args, options, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(explain(command, error, stderr));
      });
    });
  };

function explain(command: string[], error: Error, stderr: string): Error {
  const [program = ''] = command;
  if ('code' in error && error.code === 'ENOENT') {
    const advice = `install ${packages[program] ?? program}, or set interface_driver: noop`;
    return new HostInterfaceUnusable(`The program ${program} is not on this host: ${advice}`);
  }
  const detail = stderr.trim() || error.message;
  return new HostInterfaceNotReady(`"${command.join(' ')}" failed: ${detail}`);
}

/**
 * Programs that a user starts keep only its ambient capabilities; those that root starts, all it may have.
 *
 * @throws HostInterfaceUnusable if the programs we start may not change interfaces
 */
export function requireNetAdmin(): void {
  const field = process.getuid?.() === 0 ? 'CapBnd' : 'CapAmb';
  const status = readFileSync('/proc/self/status', 'utf8');
  const [, mask = '0'] = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status) ?? [];
  if ((BigInt(`0x${mask}`) & NET_ADMIN) !== 0n) return;
  throw new HostInterfaceUnusable(
    'The worker may not change network interfaces: run it as root or with CAP_NET_ADMIN ' +
      '(systemd: AmbientCapabilities=CAP_NET_ADMIN), or set interface_driver: noop',
  );
}
