import type { Collection } from './state.js';

/** How long each transition takes at least, in milliseconds. Of hosts only simulated ones keep to it. */
export const defaultLatencies: Record<string, number> = {
  'server.create': 300,
  'server.delete': 100,
  'server.start': 100,
  'server.stop': 100,
  'server.reboot': 150,
  'interface.attach': 50,
  'interface.detach': 50,
  'volume.create': 150,
  'volume.delete': 100,
  'volume.extend': 100,
  'volume.attach': 150,
  'volume.detach': 150,
  'snapshot.create': 100,
  'snapshot.delete': 50,
  /** From the start of a server until it answers SSH. */
  'host.boot': 0,
  /** Each command on a host. */
  'ssh.command': 0,
};

export interface LatencyRow {
  id: string;
  ms: number;
}

export class Latencies {
  readonly #rows: Collection<LatencyRow>;

  constructor(rows: Collection<LatencyRow>) {
    this.#rows = rows;
  }

  all(): Record<string, number> {
    const set = this.#rows.all().map(({ id, ms }) => [id, ms]);
    return { ...defaultLatencies, ...Object.fromEntries(set) };
  }

  get(transition: string): number {
    return this.#rows.get(transition)?.ms ?? defaultLatencies[transition] ?? 0;
  }

  set(transition: string, ms: number): void {
    if (!(transition in defaultLatencies)) {
      throw new Error(
        `No such transition: ${transition}. Known: ${Object.keys(defaultLatencies).join(', ')}`,
      );
    }
    this.#rows.put({ id: transition, ms });
  }
}

/** Reads `server.create=5s,volume.create=200ms`. */
export function parseLatencies(text: string): Record<string, number> {
  const entries = text.split(',').filter((entry) => entry !== '');
  return Object.fromEntries(
    entries.map((entry) => {
      const [, name, number, unit] = /^([\w.]+)=([\d.]+)(ms|s)$/.exec(entry) ?? [];
      if (!name || !number)
        throw new Error(`Latency "${entry}" is not of the form server.create=5s`);
      return [name, Number(number) * (unit === 's' ? 1000 : 1)];
    }),
  );
}
