import { isDeleted, type Flavor, type Server } from '../openstack/compute.js';
import { OpenStackError, unlessNotFound } from '../openstack/errors.js';
import type { Image } from '../openstack/image.js';
import { generateHostKey } from '../ssh/host-key.js';
import type { RebootType } from '../workflows/model.js';
import { fillTemplate, type Backend, type Backends } from './backend.js';
import { bootVolumeIds, instanceZone, type BootVolume } from './boot-volumes.js';
import { inEither, noneTwice } from './lagging-lists.js';
import { passing, permanent } from './failures.js';
import { ignoreStatus } from './ignore-status.js';
import { hasAdminNetwork } from './instance-layout.js';
import { backendTag, instanceTag } from './marks.js';
import { oldestOnly } from '../openstack/oldest-only.js';
import { waitUntil } from './wait.js';

export type ComputeActivities = ReturnType<typeof createComputeActivities>;

interface InstanceRef {
  backend: string;
  instanceId: string;
}

interface AttachmentRef {
  backend: string;
  serverId: string;
  volumeId: string;
}

/** What of the configuration decides how a service instance is set up. */
export interface InstancePlan {
  imageId: string;
  flavorId: string;
  /** Whether it has a port in the operator's admin network. */
  adminNetwork: boolean;
  bootFromVolume: boolean;
}

/** The public host key of a server that Hawser booted, in its metadata. */
export const hostKeyTag = 'hawser:host_key';

/** Nova and Glance: the servers of service instances, and the volumes attached to them. */
export function createComputeActivities(backends: Backends) {
  const serverName = ({ options }: Backend, instanceId: string) =>
    fillTemplate(options.service_instance_name_template, instanceId);

  // The name only narrows the list: its template may have been another when the server was made.
  const serversOf = async ({ backend, instanceId }: InstanceRef): Promise<Server[]> => {
    const { compute } = backends(backend).cloud;
    const named = await compute.listServers({ nameContains: instanceId });
    return named.filter(
      (server) => server.metadata[instanceTag] === instanceId && !isDeleted(server),
    );
  };

  return {
    /** The image and the flavor that the configuration names, and what else it wants. Changes nothing. */
    async resolveImageAndFlavor({ backend: name }: { backend: string }): Promise<InstancePlan> {
      const backend = backends(name);
      const { cloud, options } = backend;
      const images = await cloud.image.findImages({ name: options.service_image_name });
      const flavor = await cloud.compute.findFlavor(options.service_instance_flavor_id);
      return {
        imageId: theActiveImage(images, options.service_image_name).id,
        flavorId: theFlavor(flavor, options.service_instance_flavor_id).id,
        adminNetwork: hasAdminNetwork(backend),
        bootFromVolume: options.service_instance_boot_from_volume,
      };
    },

    /**
     * Finds the instance's server or boots it, with a host key of its own. Safe to repeat: the ports belong
     * to one server only, so a twin whose creation was never answered can't come up beside it.
     */
    async ensureServer(
      spec: InstanceRef & {
        imageId: string;
        flavorId: string;
        portIds: string[];
        /** In place of the image. */
        bootVolume?: BootVolume | undefined;
      },
    ): Promise<{ serverId: string; hostKey: string }> {
      const backend = backends(spec.backend);
      const { compute } = backend.cloud;
      const server = await oldestOnly({
        find: () => serversOf(spec),
        look: compute.findServer,
        create: async () => {
          const hostKey = generateHostKey();
          const { id } = await compute.createServer({
            name: serverName(backend, spec.instanceId),
            ...(spec.bootVolume ? { bootVolume: spec.bootVolume } : { imageId: spec.imageId }),
            availabilityZone: instanceZone(backend.options),
            flavorId: spec.flavorId,
            portIds: spec.portIds,
            keyName: await ensureKeypair(backend, spec.instanceId),
            configDrive: true,
            userData: cloudConfig(hostKey),
            metadata: {
              [instanceTag]: spec.instanceId,
              [hostKeyTag]: hostKey.publicKey,
              [backendTag]: backend.name,
            },
          });
          return compute.getServer(id);
        },
        remove: ({ id }) => compute.deleteServer(id),
      });
      const hostKey = server.metadata[hostKeyTag];
      if (!hostKey) {
        throw permanent(
          'ServerFailed',
          `Server ${server.id} has lost its metadata ${hostKeyTag}; delete it`,
        );
      }
      return { serverId: server.id, hostKey };
    },

    /** Returns when Nova calls the server ACTIVE; fails at once on ERROR, with Nova's reason. */
    async waitForServer({ backend, instanceId, serverId }: InstanceRef & { serverId: string }) {
      const { cloud, options } = backends(backend);
      await waitUntil({
        what: `Server ${serverId} of service instance ${instanceId}`,
        kind: `${backend}/create server`,
        look: () => cloud.compute.getServer(serverId),
        describe: ({ status, taskState }) => [status, taskState].filter(Boolean).join(' '),
        done: ({ status, fault }) => {
          if (isDeleted({ status })) throw goneFailure(instanceId, serverId);
          if (status === 'ERROR') {
            throw permanent(
              'ServerFailed',
              `Server ${serverId} of service instance ${instanceId} went to ERROR: ${fault?.message ?? 'Nova gave no reason'}`,
            );
          }
          return status === 'ACTIVE';
        },
        limitMs: options.max_time_to_build_instance * 1000,
        onTimeout: 'ServerFailed',
      });
    },

    /** False when Nova does not know the server any more, or only keeps it for a while after its deletion. */
    async serverExists({ backend, serverId }: { backend: string; serverId: string }) {
      const server = await backends(backend).cloud.compute.findServer(serverId);
      return server !== undefined && !isDeleted(server);
    },

    /** Fails with `ServerFailed` unless Nova has the server ACTIVE, and says how it stands; for now while it reboots. Changes nothing. */
    async requireServer({ backend, instanceId, serverId }: InstanceRef & { serverId: string }) {
      const server = await backends(backend).cloud.compute.findServer(serverId);
      if (!server || isDeleted(server)) throw goneFailure(instanceId, serverId);
      if (['REBOOT', 'HARD_REBOOT'].includes(server.status)) {
        throw passing(
          'ServerFailed',
          `Server ${serverId} of service instance ${instanceId} is being rebooted`,
        );
      }
      if (server.status !== 'ACTIVE') {
        const why = server.fault ? `: ${server.fault.message}` : '';
        throw permanent(
          'ServerFailed',
          `Server ${serverId} of service instance ${instanceId} is ${server.status}${why}. Bring it back with: hawser instance reboot ${instanceId} --hard`,
        );
      }
    },

    /** The reboots that Nova was asked for so far, for `rebootServer` to tell its own from them. Changes nothing. */
    async listReboots({ backend, serverId }: { backend: string; serverId: string }) {
      const { compute } = backends(backend).cloud;
      const actions = await inEither(() => compute.listActions(serverId));
      const reboots = actions.filter(({ action }) => action === 'reboot');
      return [...new Set(reboots.map(({ requestId }) => requestId))];
    },

    /**
     * Asks Nova to reboot the server, unless it was asked since `seen` was listed. So it is safe to repeat: an
     * attempt whose answer was lost has left its mark.
     */
    async rebootServer(
      ref: InstanceRef & { serverId: string; type: RebootType; seen: string[] },
    ): Promise<void> {
      const { backend, instanceId, serverId, type, seen } = ref;
      const { compute } = backends(backend).cloud;
      const actions = await compute.listActions(serverId);
      if (actions.some((one) => one.action === 'reboot' && !seen.includes(one.requestId))) return;
      const { status } = await compute.getServer(serverId);
      if (isDeleted({ status })) throw goneFailure(instanceId, serverId);
      if (type === 'SOFT' && status !== 'ACTIVE') {
        throw permanent(
          'ServerFailed',
          `Server ${serverId} of service instance ${instanceId} is ${status}, and can't be asked to reboot by itself. ${useHard(instanceId)}`,
        );
      }
      await compute.rebootServer(serverId, type);
    },

    /** Returns when Nova is done with a reboot; fails at once on ERROR, with Nova's reason. */
    async waitForReboot({ backend, instanceId, serverId }: InstanceRef & { serverId: string }) {
      const { cloud, options } = backends(backend);
      await waitUntil({
        what: `Server ${serverId} of service instance ${instanceId}`,
        kind: `${backend}/reboot server`,
        look: () => cloud.compute.getServer(serverId),
        describe: ({ status, taskState }) => [status, taskState].filter(Boolean).join(' '),
        done: ({ status, taskState, fault }) => {
          if (isDeleted({ status })) throw goneFailure(instanceId, serverId);
          if (status === 'ERROR' && !taskState) {
            throw permanent(
              'ServerFailed',
              `Server ${serverId} of service instance ${instanceId} went to ERROR when it was rebooted: ${fault?.message ?? 'Nova gave no reason'}`,
            );
          }
          return status === 'ACTIVE' && !taskState;
        },
        limitMs: options.max_time_to_build_instance * 1000,
        onTimeout: 'ServerFailed',
        advice: useHard(instanceId),
      });
    },

    /**
     * Deletes every server of the instance and its key pair, and waits until they are gone. Refuses while the volume
     * of a share is attached. Says whether there still is a volume that it booted from. Safe to repeat.
     */
    async deleteServer(ref: InstanceRef): Promise<{ hasBootVolume: boolean }> {
      const backend = backends(ref.backend);
      const { compute } = backend.cloud;
      await waitUntil({
        what: `The server of service instance ${ref.instanceId}`,
        kind: `${ref.backend}/delete server`,
        look: async () => {
          const servers = await noneTwice(() => serversOf(ref));
          for (const { id, taskState } of servers) {
            if (taskState?.endsWith('deleting')) continue;
            await refuseWithVolumes(backend, ref.instanceId, id);
            await compute.deleteServer(id);
          }
          return servers;
        },
        describe: (servers) =>
          servers.map(({ taskState, status }) => taskState ?? status).join(', '),
        done: (servers) => servers.length === 0,
        limitMs: backend.options.max_time_to_build_instance * 1000,
        onTimeout: 'ServerFailed',
      });
      await compute.deleteKeypair(keypairName(backend, ref.instanceId));
      return { hasBootVolume: (await bootVolumeIds(backend, ref.instanceId)).length > 0 };
    },

    /** Attaches the volume and waits until Cinder calls it in-use. Safe to repeat. */
    async attachVolume({ backend, serverId, volumeId }: AttachmentRef): Promise<void> {
      const { cloud, options } = backends(backend);
      if (!(await cloud.compute.findAttachment(serverId, volumeId))) {
        await unlessDone(
          cloud.compute.attachVolume(serverId, volumeId),
          async () => (await cloud.compute.findAttachment(serverId, volumeId)) !== undefined,
        );
      }
      await waitUntil({
        what: `Volume ${volumeId} for server ${serverId}`,
        kind: `${backend}/attach volume`,
        look: () => cloud.blockStorage.getVolume(volumeId),
        describe: ({ status }) => status,
        done: ({ status }) => {
          if (status.startsWith('error')) {
            throw permanent(
              'VolumeFailed',
              `Volume ${volumeId} went to ${status} while being attached to server ${serverId}`,
            );
          }
          return status === 'in-use';
        },
        limitMs: options.max_time_to_attach * 1000,
        onTimeout: 'VolumeFailed',
      });
    },

    /** Detaches the volume and waits until it is free. What is gone counts as detached. Safe to repeat. */
    async detachVolume({ backend, serverId, volumeId }: AttachmentRef): Promise<void> {
      const { cloud, options } = backends(backend);
      await waitUntil({
        what: `Volume ${volumeId} of server ${serverId}`,
        kind: `${backend}/detach volume`,
        look: async () => {
          const volume = await cloud.blockStorage.findVolume(volumeId);
          const attached = volume?.attachments.some((one) => one.serverId === serverId);
          if (attached && volume?.status === 'in-use') {
            await unlessDone(
              detachUnlessBusy(cloud.compute, { serverId, volumeId }),
              async () => (await cloud.blockStorage.findVolume(volumeId))?.status !== 'in-use',
            );
          }
          return volume;
        },
        describe: (volume) => volume?.status ?? 'gone',
        done: (volume) =>
          !volume || volume.status === 'available' || volume.status.startsWith('error'),
        limitMs: options.max_time_to_attach * 1000,
        onTimeout: 'VolumeFailed',
      });
    },
  };
}

const goneFailure = (instanceId: string, serverId: string) =>
  permanent(
    'ServerFailed',
    `Server ${serverId} of service instance ${instanceId} is gone: delete its shares, then the instance`,
  );

const useHard = (instanceId: string): string =>
  `Restart it whatever it does with: hawser instance reboot ${instanceId} --hard`;

/** A server in ERROR gives up no volume (409), however often it is asked; one busy with another volume may. */
async function detachUnlessBusy(
  compute: Backend['cloud']['compute'],
  { serverId, volumeId }: { serverId: string; volumeId: string },
): Promise<void> {
  const answer = await ignoreStatus(
    compute.detachVolume(serverId, volumeId).then(() => 'taken'),
    409,
  );
  if (answer === 'taken') return;
  const server = await compute.findServer(serverId);
  if (server?.status !== 'ERROR') return;
  throw permanent(
    'ServerFailed',
    `Volume ${volumeId} can't be detached: its server ${serverId} is in ERROR. Reboot it hard (hawser instance reboot INSTANCE --hard), then try again`,
  );
}

/** A refusal (400) does not count when an attempt before this one, still under way, did what was asked. */
async function unlessDone(request: Promise<unknown>, done: () => Promise<boolean>): Promise<void> {
  try {
    await request;
  } catch (error) {
    const refused = error instanceof OpenStackError && error.status === 400;
    if (!refused || !(await done())) throw error;
  }
}

async function refuseWithVolumes(
  backend: Backend,
  instanceId: string,
  serverId: string,
): Promise<void> {
  const attachments = await unlessNotFound(backend.cloud.compute.listAttachments(serverId));
  if (!attachments?.length) return;
  const own = await bootVolumeIds(backend, instanceId);
  const others = attachments.map(({ volumeId }) => volumeId).filter((id) => !own.includes(id));
  if (others.length === 0) return;
  const volumes = others.join(', ');
  throw permanent(
    'InstanceInUse',
    `Server ${serverId} has volumes attached, and stays: ${volumes}. Delete their shares first`,
  );
}

/** One key pair an instance, so that no two controllers ever fight over one. */
export function keypairName({ options }: Pick<Backend, 'options'>, instanceId: string): string {
  return `${options.manila_service_keypair_name}-${instanceId}`;
}

/** The name of the key pair; undefined where a password opens the instance. */
async function ensureKeypair(backend: Backend, instanceId: string): Promise<string | undefined> {
  const { publicKey } = backend;
  if (publicKey === null) return undefined;
  const { compute } = backend.cloud;
  const name = keypairName(backend, instanceId);
  const found = await compute.findKeypair(name);
  if (found && sameKey(found.publicKey, publicKey)) return name;
  if (found) await compute.deleteKeypair(name);
  await compute.createKeypair({ name, publicKey });
  return name;
}

function sameKey(a: string, b: string): boolean {
  const withoutComment = (key: string) => key.trim().split(/\s+/, 2).join(' ');
  return withoutComment(a) === withoutComment(b);
}

/**
 * User data by which a server has this host key from its first boot on. JSON is YAML, so both cloud-init and the service
 * image's own script read it.
 */
export function cloudConfig(hostKey: { privateKey: string; publicKey: string }): string {
  const config = {
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
  };
  return `#cloud-config\n${JSON.stringify(config)}\n`;
}

function theActiveImage(images: Image[], name: string): Image {
  const [image, ...others] = images;
  if (!image) {
    throw permanent(
      'ImageNotFound',
      `No image is named ${name}; upload the service image or set service_image_name`,
    );
  }
  if (others.length > 0) {
    const ids = images.map(({ id }) => id).join(', ');
    throw permanent(
      'AmbiguousName',
      `${images.length} images are named ${name}: ${ids}. Keep one, or give the service image a name of its own and set service_image_name`,
    );
  }
  if (image.status !== 'active') {
    throw permanent(
      'ImageNotActive',
      `Image ${name} (${image.id}) is ${image.status}; it must be active to boot from it`,
    );
  }
  return image;
}

function theFlavor(flavor: Flavor | undefined, wanted: string): Flavor {
  if (!flavor) {
    throw permanent(
      'FlavorNotFound',
      `No flavor has the id or name ${wanted}; create it or set service_instance_flavor_id`,
    );
  }
  return flavor;
}
