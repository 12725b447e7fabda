import { randomBytes } from 'node:crypto';
import { afterAll, expect, inject, onTestFinished, vi } from 'vitest';
import { createUndoStack } from '../../dev/undo-stack.js';
import { findEndpoint } from '../../openstack/catalog.js';
import { type CloudConfig, loadCloudConfig } from '../../openstack/cloud-config.js';
import { OpenStackError, type Service } from '../../openstack/errors.js';
import { type Cloud, connectCloud } from '../../openstack/index.js';
import { logIn } from '../../openstack/log-in.js';
import { type Answer, Transport } from '../../openstack/transport.js';

/** The administrator, Hawser's own account, and a tenant, as clouds.yaml calls them. */
export type Account = 'admin' | 'hawser' | 'demo';

const target = inject('contractCloud');
if ('problem' in target) throw new Error(target.problem);

export const { cloudsYaml, cloudUrl, host } = target;

export const configOf = (account: Account): CloudConfig =>
  loadCloudConfig({ cloud: account, env: { OS_CLIENT_CONFIG_FILE: cloudsYaml } });

/** Connects until the end of the file; not for use within tests. */
export function connectAs(account: Account): Cloud {
  const cloud = connectCloud(configOf(account));
  afterAll(() => cloud.session.close());
  return cloud;
}

/** Takes care that something is undone, at the end of a test or later. */
export type Later = (undo: () => Promise<void>) => void;

/** Undoes at the end of the file or group it is called in, the last first; not for use within tests. */
export function undoAfterAll(): Later {
  const undos = createUndoStack();
  afterAll(undos.undoAll);
  return undos.push;
}

/** Others may work on the same cloud: everything made here is called so. */
export const newName = (what: string): string =>
  `contract-${what}-${randomBytes(4).toString('hex')}`;

export const unknownId = '00000000-1111-4222-8333-444444444444';

/** Status and the service's own word for it, such as `404 itemNotFound`; fails if the call succeeds. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  const { status, code } = await refusalOf(call);
  return `${status} ${code}`;
}

export async function refusalOf(call: Promise<unknown>): Promise<OpenStackError> {
  const outcome: unknown = await call.then(
    (value) => new Error(`no refusal but ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof OpenStackError) return outcome;
  throw outcome;
}

const patience = { timeout: 180_000, interval: 300 };

/** Looks until it holds. */
export const eventually = <T>(look: () => Promise<T>) => expect.poll(look, patience);

/** Looks until there is nothing; works in hooks too. */
export const untilGone = (look: () => Promise<unknown>): Promise<void> =>
  vi.waitFor(async () => expect(await look()).toBeUndefined(), patience);

/** Every different value until the last wanted one, in order of appearance. */
export async function valuesUntil(
  wanted: string,
  look: () => Promise<string | undefined>,
): Promise<string[]> {
  const seen: string[] = [];
  await eventually(async () => {
    const value = (await look()) ?? 'gone';
    if (seen.at(-1) !== value) seen.push(value);
    return value;
  }).toBe(wanted);
  return seen;
}

/** Whole answers to one token, for what the clients do not show, until the end of the test. */
export async function rawAs(account: Account | CloudConfig) {
  const config = typeof account === 'string' ? configOf(account) : account;
  const transport = new Transport(config.tls);
  onTestFinished(() => transport.close());
  const token = await logIn(transport, config, 60_000);
  const own = { 'x-auth-token': token.value.reveal() };
  return {
    token: token.value.reveal(),
    get: async (
      service: Service,
      path: string,
      headers: Record<string, string> = {},
    ): Promise<Answer> =>
      transport.exchange({
        service,
        method: 'GET',
        url: findEndpoint(service, config, token) + path,
        headers: { ...own, ...headers },
        timeoutMs: 60_000,
      }),
  };
}
