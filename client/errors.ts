/** What a call of the client can fail with. `type` is for programs, the message for people. */
export abstract class HawserError extends Error {
  /** A stable word: of the class, or of the refusal or failure that the share itself named. */
  abstract readonly type: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Nothing answers at Temporal's address. Safe to try again. */
export class TemporalUnreachable extends HawserError {
  readonly type = 'TemporalUnreachable';
  readonly address: string;

  constructor(address: string, reason: string, options?: ErrorOptions) {
    super(
      `Temporal does not answer at ${address}: ${reason}. ` +
        'Set its address with --address, TEMPORAL_ADDRESS or temporal.toml; ' +
        '`hawser dev` starts one on this machine.',
      options,
    );
    this.address = address;
  }
}

/** Temporal answers, but does not let us in: namespace, credentials or rights. */
export class TemporalDenied extends HawserError {
  readonly type = 'TemporalDenied';
}

/** No worker polls the backend's task queue, so nobody would do what was asked. */
export class NoWorker extends HawserError {
  readonly type = 'NoWorker';
  readonly backend: string;

  constructor(backend: string) {
    super(
      `No worker serves backend ${backend}. Start one with \`hawser worker\`, ` +
        `with ${backend} under \`backends\` in its hawser.yaml, or name another backend.`,
    );
    this.backend = backend;
  }
}

export class ShareNotFound extends HawserError {
  readonly type = 'ShareNotFound';
  readonly shareId: string;

  constructor(shareId: string) {
    super(`There is no share ${shareId}. List the shares with: hawser share list`);
    this.shareId = shareId;
  }
}

export class InstanceNotFound extends HawserError {
  readonly type = 'InstanceNotFound';
  readonly instanceId: string;

  constructor(instanceId: string) {
    super(
      `There is no service instance ${instanceId}. List the instances with: hawser instance list`,
    );
    this.instanceId = instanceId;
  }
}

export class SnapshotNotFound extends HawserError {
  readonly type = 'SnapshotNotFound';
  readonly shareId: string;
  readonly snapshotId: string;

  constructor(shareId: string, snapshotId: string) {
    super(
      `Share ${shareId} has no snapshot ${snapshotId}. List its snapshots with: hawser snapshot list ${shareId}`,
    );
    this.shareId = shareId;
    this.snapshotId = snapshotId;
  }
}

/** The id is taken by a share with other parameters; the message says which differ. */
export class ShareExists extends HawserError {
  readonly type = 'ShareExists';
  readonly shareId: string;

  constructor(shareId: string, message: string) {
    super(message);
    this.shareId = shareId;
  }
}

/** The share or instance said no before anything was done; `type` is its word for why. */
export class Refused extends HawserError {
  readonly type: string;
  readonly reason: string;

  constructor(type: string, reason: string) {
    super(reason);
    this.type = type;
    this.reason = reason;
  }
}

/** An operation began and failed; `type` is one of the failure types of the worker. */
export class OperationFailed extends HawserError {
  readonly type: string;

  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

export interface InputIssue {
  /** The part that is wrong: `sizeGib`, `shareNetwork`, … */
  field: string;
  message: string;
}

/** What was asked for cannot be; nothing was sent. */
export class InvalidInput extends HawserError {
  readonly type = 'InvalidInput';
  readonly issues: InputIssue[];

  constructor(issues: InputIssue[]) {
    super(issues.map(({ message }) => message).join('\n'));
    this.issues = issues;
  }
}
