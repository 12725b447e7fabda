import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { request } from 'undici';
import { expect, vi } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createHosts } from '../../devcloud/hosts/create-hosts.js';
import { defaultLatencies } from '../../devcloud/latencies.js';
import { startDevcloud } from '../../devcloud/server.js';
import { defaultSettings } from '../../devcloud/settings.js';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** The JSON; undefined where there is none. */
  body: unknown;
  text: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
type User = 'admin' | 'hawser' | 'demo';

const quick = Object.fromEntries(
  Object.entries(defaultLatencies).map(([name, ms]) => [name, Math.min(ms, 20)]),
);

/** A cloud of one test file, in this process, on simulated hosts. */
export async function startTestCloud({
  stateDir: given,
  latencies = quick,
}: { stateDir?: string; latencies?: Record<string, number> } = {}) {
  const stateDir = given ?? (await mkdtemp(join(tmpdir(), 'devcloud-')));
  const log = pino({ level: 'silent' });
  const cloud = await startDevcloud({
    stateDir,
    port: 0,
    hosts: createHosts({ kind: 'simulated', stateDir: join(stateDir, 'hosts'), log }),
    log,
    // Simulated hosts boot nothing; any file does.
    imageFile: new URL(import.meta.url).pathname,
    latencies,
  });
  return {
    ...cloud,
    stateDir,
    /** Makes a transition slow enough to be seen under way; `quick` is put back by the test file. */
    slow: (transition: string) =>
      call('PUT', `${cloud.url}/devcloud/latencies`, { body: { [transition]: 700 } }),
    reset: async () => {
      await call('PUT', `${cloud.url}/devcloud/latencies`, { body: latencies });
      await call('PUT', `${cloud.url}/devcloud/settings`, { body: defaultSettings });
      await call('DELETE', `${cloud.url}/devcloud/faults`);
    },
    control: (method: Method, path: string, body?: unknown) =>
      call(method, `${cloud.url}/devcloud${path}`, { body }),
    as: (user: User) => logIn(cloud.cloudsYaml, user),
    async remove() {
      await cloud.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

export type TestCloud = Awaited<ReturnType<typeof startTestCloud>>;

const cloudsFile = z.object({
  clouds: z.record(
    z.string(),
    z.object({
      auth: z.object({
        auth_url: z.string(),
        username: z.string(),
        password: z.string(),
        project_name: z.string(),
      }),
    }),
  ),
});

export async function credentials(cloudsYaml: string, user: User) {
  const { clouds } = cloudsFile.parse(parse(await readFile(cloudsYaml, 'utf8')));
  const entry = clouds[user];
  if (!entry) throw new Error(`clouds.yaml has no ${user}`);
  return entry.auth;
}

export function passwordRequest(auth: Awaited<ReturnType<typeof credentials>>) {
  const domain = { name: 'Default' };
  const user = { name: auth.username, password: auth.password, domain };
  return {
    auth: {
      identity: { methods: ['password'], password: { user } },
      scope: { project: { name: auth.project_name, domain } },
    },
  };
}

const catalogService = z.object({
  type: z.string(),
  endpoints: z.array(z.object({ interface: z.string(), url: z.string() })),
});
const tokenBody = z.object({
  token: z.object({
    project: z.object({ id: z.string() }),
    user: z.object({ id: z.string() }),
    catalog: z.array(catalogService),
  }),
});

export async function logIn(cloudsYaml: string, user: User) {
  const auth = await credentials(cloudsYaml, user);
  const answer = await call('POST', `${auth.auth_url}/v3/auth/tokens`, {
    body: passwordRequest(auth),
  });
  expect(answer.status).toBe(201);
  const { project, user: self, catalog } = tokenBody.parse(answer.body).token;
  const token = String(answer.headers['x-subject-token']);
  const endpoint = (type: string): string => {
    const service = catalog.find((one) => one.type === type);
    const url = service?.endpoints.find((one) => one.interface === 'public')?.url ?? '';
    return type === 'network' ? `${url}/v2.0` : url;
  };
  const speaker =
    (type: string, version: Record<string, string> = {}) =>
    (method: Method, path: string, body?: unknown, headers: Record<string, string> = {}) =>
      call(method, endpoint(type) + path, {
        body,
        headers: { 'x-auth-token': token, ...version, ...headers },
      });
  return {
    token,
    projectId: project.id,
    userId: self.id,
    identity: speaker('identity'),
    nova: speaker('compute', { 'openstack-api-version': 'compute 2.60' }),
    cinder: speaker('volumev3', { 'openstack-api-version': 'volume 3.59' }),
    neutron: speaker('network'),
    glance: speaker('image'),
  };
}

export type Speaker = Awaited<ReturnType<typeof logIn>>;

export async function call(
  method: Method,
  url: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const answer = await request(url, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, headers: answer.headers, body: asJson(text), text };
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `pick(answer, 'server.id')`: the text at that place of an answer. */
export function pick(answer: Answer, path: string): string {
  let value: unknown = answer.body;
  for (const key of path.split('.')) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }
  if (typeof value !== 'string') {
    throw new Error(`${answer.status} without ${path}: ${answer.text}`);
  }
  return value;
}

const patience = { interval: 10, timeout: 10_000 };

/** Polls until the text at `path` is `wanted`. */
export const until = (ask: () => Promise<Answer>, path: string, wanted: string): Promise<void> =>
  vi.waitFor(async () => expect(pick(await ask(), path)).toBe(wanted), patience);

export const untilGone = (ask: () => Promise<Answer>): Promise<void> =>
  vi.waitFor(async () => expect((await ask()).status).toBe(404), patience);
