import { defaultLatencies } from '../devcloud/latencies.js';

/** What the cloud of the bench takes for what it does, in milliseconds; all else it does at once. */
export const latencies: Record<string, number> = {
  ...Object.fromEntries(Object.keys(defaultLatencies).map((name) => [name, 0])),
  'volume.create': 2000,
  'volume.attach': 2000,
  'volume.detach': 1000,
  'volume.extend': 1000,
  'server.create': 5000,
  'host.boot': 3000,
  'ssh.command': 30,
};

/** As devcloud's option takes them. */
export const latencyArguments = (): string[] => [
  '--latency',
  Object.entries(latencies)
    .map(([name, ms]) => `${name}=${ms}ms`)
    .join(','),
];

/** What cannot be done sooner: one after the other, in milliseconds. */
export const inRow = (...transitions: string[]): number =>
  transitions.reduce((sum, transition) => sum + latencyOf(transition), 0);

/** As long as the longest. */
export const atOnce = (...branches: number[]): number => Math.max(...branches);

/** That many scripts or programs on an instance. */
export const commands = (count: number): number => count * latencyOf('ssh.command');

function latencyOf(transition: string): number {
  const ms = latencies[transition];
  if (ms === undefined) throw new Error(`the cloud has no transition ${transition}`);
  return ms;
}
