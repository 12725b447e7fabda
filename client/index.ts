/** The client library: shares and service instances, for programs. */
export { HawserClient, type Retried, type WaitOptions } from './hawser-client.js';
export type { BackendSummary } from './backends.js';
export type { ConnectOptions } from './connection.js';
export * from './errors.js';
export type {
  AccessSpec,
  ExistingSnapshot,
  ManageSpec,
  ShareFilter,
  ShareSpec,
  SnapshotSpec,
} from './input.js';
export type { Progress, RunningStep, WatchOptions } from './progress.js';
export type {
  AccessLevel,
  AccessRule,
  AccessRuleState,
  AccessType,
  EnsureReport,
  EnsuredShare,
  ExportLocation,
  InstanceHealth,
  Problem,
  Protocol,
  RebootReport,
  RebootType,
  Retry,
  ServiceInstanceStatus,
  ServiceInstanceView,
  ShareOutcome,
  ShareStatus,
  ShareView,
  Snapshot,
  SnapshotRef,
  SnapshotStatus,
} from '../workflows/model.js';
export type { SweepOptions } from './sweeping.js';
export type { Orphan, SweepReport, SweptOrphan } from '../workflows/sweep-model.js';
export type { BackendStatistics } from '../workflows/statistics-model.js';
