import { readFileSync } from 'node:fs';
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { ConnectionLost, HostUnreachable, SshAuthenticationRefused } from '../ssh/errors.js';
import type { InstanceHost, RequirementsReport } from '../workflows/model.js';
import type { Backends } from './backend.js';
import { passing, permanent } from './failures.js';
import { hostScript } from './host-script.js';
import { waitUntil } from './wait.js';

export type ReadinessActivities = ReturnType<typeof createReadinessActivities>;

/** A host that takes a connection and says nothing must not hold up the next attempt. */
const loginLimitMs = 15_000;

/** Most of the boot is over when it answers SSH. */
const addressLimitS = 60;

const requirements = readFileSync(new URL('../image/requirements.sh', import.meta.url), 'utf8');

const reportSchema: z.ZodType<RequirementsReport> = z.object({
  checks: z.array(
    z.object({ name: z.string(), ok: z.boolean(), detail: z.string(), fix: z.string() }),
  ),
});

/** Whether a service instance can do its work. */
export function createReadinessActivities(backends: Backends) {
  const awaitAddresses = hostScript(backends, 'await-addresses', 90_000);

  const check = async (host: InstanceHost): Promise<RequirementsReport> => {
    const { stdout } = await backends(host.backend).ssh.run(
      { address: host.address, hostKey: host.hostKey },
      { name: 'image-requirements', script: requirements, timeoutMs: 120_000 },
      { signal: Context.current().cancellationSignal },
    );
    const { data } = reportSchema.safeParse(parsed(stdout));
    if (data) return data;
    const said = JSON.stringify(stdout.slice(0, 200));
    throw passing(
      'CommandFailed',
      `image-requirements on ${host.address} printed ${said}, and no report`,
    );
  };

  const askBoot = hostScript(backends, 'boot-id', 20_000);
  const bootId = async (host: InstanceHost): Promise<string> => {
    const id = (await askBoot(host)).trim();
    if (/^[0-9a-f-]{36}$/.test(id)) return id;
    const said = JSON.stringify(id.slice(0, 200));
    throw passing('CommandFailed', `boot-id on ${host.address} printed ${said}, and no id`);
  };

  /** Undefined when the host let us in, by a new connection; else what it did instead. */
  const whyNotIn = async (host: InstanceHost): Promise<string | undefined> => {
    const { ssh } = backends(host.backend);
    const tooLong = AbortSignal.timeout(loginLimitMs);
    const signal = AbortSignal.any([Context.current().cancellationSignal, tooLong]);
    try {
      await ssh.ping({ address: host.address, hostKey: host.hostKey }, { signal });
      return undefined;
    } catch (error) {
      if (tooLong.aborted) return `no login within ${loginLimitMs / 1000} s`;
      // While it boots it is silent, then may not know our key yet; a foreign host key is final.
      if (error instanceof HostUnreachable || error instanceof SshAuthenticationRefused) {
        return error.message;
      }
      throw error;
    }
  };

  return {
    /** Tries once whether the host lets us in and proves its pinned key. Changes nothing. */
    async logIn({ host }: { host: InstanceHost }): Promise<void> {
      const reason = await whyNotIn(host);
      if (reason !== undefined) {
        throw passing('HostUnreachable', `${host.address} does not let us in: ${reason}`);
      }
    },

    /** What the host's kernel calls the boot that it runs since; another one after each reboot. */
    async readBootId({ host }: { host: InstanceHost }): Promise<string> {
      return bootId(host);
    },

    /**
     * Returns when the host lets us in after another boot than `before`, which is null when nobody knows it, and
     * says which. Safe to repeat.
     */
    async waitForBoot({ host, before }: { host: InstanceHost; before: string | null }) {
      const { options } = backends(host.backend);
      const { id } = await waitUntil<{ id?: string; state: string }>({
        what: `Service instance ${host.instanceId} at ${host.address}`,
        kind: `${host.backend}/boot again`,
        look: async () => {
          const reason = await whyNotIn(host);
          if (reason !== undefined) return { state: `not ready (${reason})` };
          try {
            const now = await bootId(host);
            return now === before ? { state: 'running as before' } : { id: now, state: 'booted' };
          } catch (error) {
            // It was just going down.
            if (error instanceof ConnectionLost || error instanceof HostUnreachable) {
              return { state: `not ready (${error.message})` };
            }
            throw error;
          }
        },
        describe: ({ state }) => state,
        done: (seen) => seen.id !== undefined,
        limitMs: options.max_time_to_build_instance * 1000,
        onTimeout: 'SshUnreachable',
        advice: `Restart it whatever it does with: hawser instance reboot ${host.instanceId} --hard`,
      });
      return id ?? '';
    },

    /** Returns when the host lets us in with our key and proves its pinned host key. Safe to repeat. */
    async waitForSsh({ host }: { host: InstanceHost }): Promise<void> {
      const { options } = backends(host.backend);
      await waitUntil<string>({
        what: `SSH on ${host.address} of service instance ${host.instanceId}`,
        kind: `${host.backend}/boot`,
        look: async () => (await whyNotIn(host)) ?? 'in',
        describe: (state) => `not ready (${state})`,
        done: (state) => state === 'in',
        limitMs: options.max_time_to_build_instance * 1000,
        onTimeout: 'SshUnreachable',
      });
    },

    /** Returns when the guest has these addresses on its NICs; each needs a subnet with DHCP. Changes nothing. */
    async waitForAddresses({ host, addresses }: { host: InstanceHost; addresses: string[] }) {
      const { max_time_to_build_instance } = backends(host.backend).options;
      const limitS = Math.min(max_time_to_build_instance, addressLimitS);
      const missing = await awaitAddresses(host, String(limitS), ...addresses);
      if (missing === '') return;
      throw permanent(
        'AddressMissing',
        `No NIC of server ${host.serverId} has ${missing.trim().split('\n').join(' and ')} after ${limitS} s. ` +
          'Its subnet needs DHCP, and the image has to configure every NIC',
      );
    },

    /** Fails with the list of what the instance lacks. Changes nothing. */
    async checkImageRequirements({ host }: { host: InstanceHost }): Promise<void> {
      const missing = (await check(host)).checks.filter(({ ok }) => !ok);
      if (missing.length === 0) return;
      const list = missing.map(({ name, detail, fix }) => `${name}: ${detail} (${fix})`).join('; ');
      throw permanent(
        'ImageRequirementsNotMet',
        `Server ${host.serverId} does not meet the image requirements: ${list}`,
      );
    },

    /** The whole report, for people. Changes nothing. */
    async reportImageRequirements({ host }: { host: InstanceHost }): Promise<RequirementsReport> {
      return check(host);
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
