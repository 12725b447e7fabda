import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
} from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import proto from '@temporalio/proto';
import { InvalidInput, TemporalUnreachable } from './errors.js';
import { translateServiceError } from './service-errors.js';

export interface ConnectOptions {
  /** `HOST:PORT`. Default: `TEMPORAL_ADDRESS`, the profile of temporal.toml, `localhost:7233`. */
  address?: string;
  /** Default: `TEMPORAL_NAMESPACE`, the profile of temporal.toml, `default`. */
  namespace?: string;
  /** Which profile of temporal.toml. Default: `TEMPORAL_PROFILE`, else `default`. */
  profile?: string;
}

/** gRPC's code for a server that is not there. */
const UNAVAILABLE = 14;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * Connects as every Temporal tool does: `TEMPORAL_*` and temporal.toml, overridden by the options.
 * Throws `TemporalUnreachable`, `TemporalDenied` or `InvalidInput` (an unreadable configuration).
 */
export async function connectToTemporal(
  options: ConnectOptions = {},
): Promise<{ client: Client; address: string }> {
  const config = loadConfig(options.profile);
  const address = options.address ?? config.connectionOptions.address ?? 'localhost:7233';
  const namespace = options.namespace ?? config.namespace ?? 'default';
  const { apiKey, tls, metadata } = config.connectionOptions;
  const connection = configured('address', () =>
    Connection.lazy({
      address,
      apiKey,
      tls,
      metadata,
      interceptors: [makeGrpcRetryInterceptor(retries())],
    }),
  );
  try {
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    await connection.close();
    const translated = translateServiceError(error, { address, namespace });
    if (!isGrpcServiceError(translated)) throw translated;
    throw new TemporalUnreachable(address, `what is there is not Temporal (${translated.details})`);
  }
  return { client: new Client({ connection, namespace }), address };
}

type Retries = Parameters<typeof makeGrpcRetryInterceptor>[0];
type Status = Parameters<Retries['delayFunction']>[1];

/** A server that is not there is said so soon; callers that wait for something try again by themselves. */
function retries(): Retries {
  const usual = defaultGrpcRetryOptions();
  // The usual one to two seconds spare a server that has too much to do.
  const soon = defaultGrpcRetryOptions({ initialIntervalMs: () => 50 });
  return {
    delayFunction: (attempt, status) =>
      (isOneWorkflowBusy(status) ? soon : usual).delayFunction(attempt, status),
    retryableDecider: (attempt, status) => {
      const code: number = status.code;
      return (code !== UNAVAILABLE || attempt < 3) && usual.retryableDecider(attempt, status);
    },
  };
}

const { ResourceExhaustedFailure } = proto.temporal.api.errordetails.v1;
const { RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW } =
  proto.temporal.api.enums.v1.ResourceExhaustedCause;

/** Such as one that just continues as new: the request goes to its next run, which is there in a moment. */
function isOneWorkflowBusy({ metadata }: Status): boolean {
  const [encoded] = metadata.get('grpc-status-details-bin');
  if (!(encoded instanceof Buffer)) return false;
  return proto.google.rpc.Status.decode(encoded).details.some(
    ({ type_url: type, value }) =>
      type?.endsWith('.ResourceExhaustedFailure') === true &&
      ResourceExhaustedFailure.decode(value ?? Buffer.of()).cause ===
        RESOURCE_EXHAUSTED_CAUSE_BUSY_WORKFLOW,
  );
}

const loadConfig = (profile: string | undefined) =>
  configured('temporal.toml', () => loadClientConnectConfig({ profile }));

/** What these libraries throw before any call is a mistake in the configuration. */
function configured<T>(field: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `Temporal's configuration (--address, TEMPORAL_*, temporal.toml) is wrong: ${reason}`;
    throw new InvalidInput([{ field, message }]);
  }
}
