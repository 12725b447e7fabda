import { request } from 'undici';
import { z } from 'zod';

export interface Effect {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
  reset?: boolean;
  after?: boolean;
  delayMs?: number;
  half?: boolean;
  stale?: boolean;
  midway?: boolean;
  between?: boolean;
  noStatus?: boolean;
  hostKeyChanged?: boolean;
}

export interface Match {
  project?: string;
  service?: string;
  method?: string;
  /** A regular expression. */
  path?: string;
  operation?: string;
}

export interface Fault {
  match: Match;
  effect: Effect;
  times?: number;
  skip?: number;
}

const entrySchema = z.object({
  number: z.number(),
  service: z.string(),
  operation: z.string().nullable(),
  project: z.string(),
  method: z.string(),
  path: z.string(),
  status: z.number(),
  at: z.number(),
});

/** A request to the cloud, or a command on one of its hosts. */
export type Entry = z.output<typeof entrySchema>;

const row = z.looseObject({ id: z.string(), name: z.string().nullish() });
const holdingsSchema = z.record(z.string(), z.array(row));

/** Everything that a project has, by kind. */
export type Holdings = z.output<typeof holdingsSchema>;

/** What quotas are of, by service. */
const limited = {
  volume: ['volumes', 'gigabytes', 'snapshots'],
  compute: ['instances', 'cores', 'ram', 'key_pairs'],
  network: ['network', 'subnet', 'port', 'router', 'security_group', 'security_group_rule'],
};

const faultSchema = z.object({ id: z.string(), struck: z.number() });

/** The knobs of the embedded cloud, see devcloud/control.ts. */
export class CloudControl {
  readonly #url: string;

  constructor(cloudUrl: string) {
    this.#url = `${cloudUrl}/devcloud`;
  }

  /** Returns the fault's id. */
  async plan(fault: Fault): Promise<string> {
    return faultSchema.parse(await this.#send('POST', '/faults', fault)).id;
  }

  /** The ids of those that struck. */
  async struck(): Promise<Set<string>> {
    const answer = await this.#send('GET', '/faults');
    const { faults } = z.object({ faults: z.array(faultSchema) }).parse(answer);
    return new Set(faults.filter((fault) => fault.struck > 0).map(({ id }) => id));
  }

  /** Also lets go of what the fault holds up. */
  async forget(faultId: string): Promise<void> {
    await this.#send('DELETE', `/faults/${faultId}`);
  }

  async forgetAll(): Promise<void> {
    await this.#send('DELETE', '/faults');
  }

  /** Oldest first. */
  async requests(since = 0): Promise<Entry[]> {
    const answer = await this.#send('GET', `/requests?since=${since}`);
    return z.object({ requests: z.array(entrySchema) }).parse(answer).requests;
  }

  /** How many requests and commands a project made so far, by service. */
  async counts(projectId: string): Promise<Record<string, number>> {
    const answer = await this.#send('GET', `/requests/counts?project=${projectId}`);
    return z.record(z.string(), z.number()).parse(answer);
  }

  async holdings(projectId: string): Promise<Holdings> {
    return holdingsSchema.parse(await this.#send('GET', `/holdings?project=${projectId}`));
  }

  /** The host has no troubles any more. */
  async heal(serverId: string): Promise<void> {
    await this.#send('PUT', `/servers/${serverId}/faults`, { faults: [] });
  }

  async unlimited(project: string): Promise<void> {
    for (const [service, resources] of Object.entries(limited)) {
      const limits = Object.fromEntries(resources.map((resource) => [resource, -1]));
      await this.#send('PUT', '/quotas', { project, service, limits });
    }
  }

  async #send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) {
    const answer = await request(this.#url + path, {
      method,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300)
      throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }
}
