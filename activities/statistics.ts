import { readFileSync } from 'node:fs';
import { Context } from '@temporalio/activity';
import type { InstanceHost } from '../workflows/model.js';
import type {
  FileSystemUsage,
  OwnCapabilities,
  VolumeQuota,
} from '../workflows/statistics-model.js';
import type { Backends } from './backend.js';
import { permanent } from './failures.js';
import { numbersIn } from './host-script.js';

export type StatisticsActivities = ReturnType<typeof createStatisticsActivities>;

const script = readFileSync(new URL('./scripts/file-system-usage.sh', import.meta.url), 'utf8');

/** A dead service instance is said to be dead within seconds: login and script together. */
const ANSWER_LIMIT_MS = 8_000;

/** What a backend has and how much of it is used. */
export function createStatisticsActivities(backends: Backends) {
  return {
    /** What the configuration says, by the names of Manila's scheduler. */
    async describeBackend({ backend }: { backend: string }): Promise<OwnCapabilities> {
      const { options, name } = backends(backend);
      const { reserved_share_percentage: reserved } = options;
      return {
        share_backend_name: options.share_backend_name ?? name,
        driver_handles_share_servers: options.driver_handles_share_servers,
        vendor_name: 'Open Source',
        driver_version: '1.0',
        storage_protocol: 'NFS_CIFS',
        reserved_percentage: reserved,
        // As in Manila, 0 stands for the one above.
        reserved_snapshot_percentage: options.reserved_share_from_snapshot_percentage || reserved,
        reserved_share_extend_percentage: options.reserved_share_extend_percentage || reserved,
        max_over_subscription_ratio: options.max_over_subscription_ratio,
        max_shares_per_share_server: options.max_shares_per_share_server,
        max_share_server_size: options.max_share_server_size,
        // Service instances get their ports from the driver, not from the share network.
        network_allocations: 0,
        snapshot_support: true,
        create_share_from_snapshot_support: true,
        revert_to_snapshot_support: false,
        mount_snapshot_support: false,
        qos: false,
        ipv4_support: true,
        ipv6_support: false,
      };
    },

    /** The quota of volumes in the backend's project. Changes nothing. */
    async readVolumeQuota({ backend }: { backend: string }): Promise<VolumeQuota> {
      return backends(backend).cloud.blockStorage.getLimits();
    },

    /** The use of every share that is mounted on a service instance, by one script. Changes nothing. */
    async measureUsage({ host }: { host: InstanceHost }): Promise<FileSystemUsage[]> {
      const { ssh } = backends(host.backend);
      const tooLong = AbortSignal.timeout(ANSWER_LIMIT_MS);
      try {
        const { stdout } = await ssh.run(
          { address: host.address, hostKey: host.hostKey },
          { name: 'file-system-usage', script, timeoutMs: ANSWER_LIMIT_MS },
          { signal: AbortSignal.any([Context.current().cancellationSignal, tooLong]) },
        );
        return stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => readUsage(line, host));
      } catch (error) {
        if (!tooLong.aborted) throw error;
        const seconds = ANSWER_LIMIT_MS / 1000;
        throw permanent('HostUnreachable', `${host.address} did not answer within ${seconds} s`);
      }
    },
  };
}

function readUsage(line: string, host: InstanceHost): FileSystemUsage {
  const [shareId = '', ...rest] = line.split(' ');
  const [totalBytes = 0, usedBytes = 0, availableBytes = 0] = numbersIn(
    rest.join(' '),
    3,
    'file-system-usage',
    host,
  );
  return { shareId, totalBytes, usedBytes, availableBytes };
}
