import { z } from 'zod';
import type {
  AccessRuleState,
  EnsureReport,
  ServiceInstanceStatus,
  ServiceInstanceView,
  ShareStatus,
  ShareView,
  SnapshotStatus,
} from '../workflows/model.js';
import { OperationFailed } from './errors.js';

// Written as records so that a word added to the model and forgotten here does not compile.
const shareStatusSet: Record<ShareStatus, true> = {
  creating: true,
  available: true,
  error: true,
  extending: true,
  extending_error: true,
  shrinking: true,
  shrinking_error: true,
  shrinking_possible_data_loss_error: true,
  manage_starting: true,
  manage_error: true,
  unmanaging: true,
  unmanage_error: true,
  unmanaged: true,
  deleting: true,
  error_deleting: true,
  deleted: true,
};
const snapshotStatusSet: Record<SnapshotStatus, true> = {
  creating: true,
  available: true,
  error: true,
  manage_starting: true,
  manage_error: true,
  unmanaging: true,
  unmanage_error: true,
  deleting: true,
  error_deleting: true,
};
const ruleStateSet: Record<AccessRuleState, true> = {
  queued_to_apply: true,
  applying: true,
  active: true,
  denying: true,
  error: true,
};
const instanceStatusSet: Record<ServiceInstanceStatus, true> = {
  creating: true,
  active: true,
  rebooting: true,
  deleting: true,
  error: true,
  deleted: true,
};

const keysOf = <K extends string>(set: Record<K, true>): K[] => Object.keys(set) as K[];

export const shareStatuses: ShareStatus[] = keysOf(shareStatusSet);

const problem = z.object({ type: z.string(), message: z.string() }).nullable();
const retry = z
  .object({
    operation: z.string(),
    reason: z.string(),
    since: z.string(),
    attempts: z.number(),
    nextTry: z.string(),
  })
  .optional();
const operation = z
  .object({ type: z.string(), workflowId: z.string(), startedAt: z.string() })
  .nullable();

const shareView: z.ZodType<ShareView> = z.object({
  id: z.string(),
  name: z.string(),
  protocol: z.enum(['NFS', 'CIFS']),
  sizeGib: z.number(),
  shareNetwork: z.string().nullable(),
  backend: z.string(),
  availabilityZone: z.string().optional(),
  fromSnapshot: z.object({ shareId: z.string(), snapshotId: z.string() }).optional(),
  status: z.enum(shareStatuses),
  serviceInstance: z.string().nullable(),
  volumeId: z.string().nullable().default(null),
  volumeSizeGib: z.number().nullable().default(null),
  originalSizeGib: z.number().nullable().default(null),
  exportLocations: z.array(z.object({ path: z.string(), adminOnly: z.boolean() })),
  accessBy: z.enum(['ip', 'user']).default('ip'),
  accessRules: z.array(
    z.object({
      id: z.string(),
      type: z.enum(['ip', 'user']).default('ip'),
      to: z.string(),
      level: z.enum(['rw', 'ro']),
      state: z.enum(keysOf(ruleStateSet)),
    }),
  ),
  snapshots: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        status: z.enum(keysOf(snapshotStatusSet)),
        sizeGib: z.number(),
        volumeSnapshotId: z.string().nullable(),
        error: problem,
        retry,
        createdAt: z.string(),
      }),
    )
    .default([]),
  notes: z.array(z.string()).optional(),
  error: problem,
  retry,
  operation,
  createdAt: z.string(),
});

const instanceView: z.ZodType<ServiceInstanceView> = z.object({
  id: z.string(),
  backend: z.string(),
  shareNetwork: z
    .object({
      id: z.string(),
      networkId: z.string(),
      subnetId: z.string(),
      routerId: z.string().nullable(),
    })
    .nullable(),
  status: z.enum(keysOf(instanceStatusSet)),
  serverId: z.string().nullable(),
  address: z.string().nullable(),
  shares: z.array(z.string()),
  unmanagedShares: z.array(z.string()).default([]),
  maxShares: z.number(),
  error: problem,
  retry,
  operation,
  createdAt: z.string(),
});

const report: z.ZodType<EnsureReport> = z.object({
  instances: z.array(
    z.object({
      instanceId: z.string(),
      problem,
      shares: z.array(
        z.object({
          id: z.string(),
          result: z.enum(['healthy', 'repaired', 'failed', 'skipped']),
          details: z.array(z.string()),
        }),
      ),
    }),
  ),
});

/** The result of the workflow `ensureShares`. */
export const ensureReportIn = (result: unknown): EnsureReport => report.parse(result);

type Memo = Record<string, unknown> | undefined;

/** The share in a workflow's memo, or undefined before its first workflow task wrote one. */
export const shareViewIn = (memo: Memo): ShareView | undefined => viewIn(memo, shareView);

/** The service instance in a workflow's memo, or undefined before there is one. */
export const instanceViewIn = (memo: Memo): ServiceInstanceView | undefined =>
  viewIn(memo, instanceView);

function viewIn<View>(memo: Memo, schema: z.ZodType<View>): View | undefined {
  if (memo?.['view'] === undefined) return undefined;
  const { data, error } = schema.safeParse(memo['view']);
  if (error) {
    const message = `What a workflow says of itself is not understood (${z.prettifyError(error)}).`;
    throw new OperationFailed('NotUnderstood', `${message} Is the worker newer than this client?`);
  }
  return data;
}
