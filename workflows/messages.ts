import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  AccessLevel,
  AccessRule,
  AccessType,
  EnsuredShare,
  InstanceHealth,
  Problem,
  RebootReport,
  RebootType,
  ManageRequest,
  RequirementsReport,
  ServiceInstance,
  ShareRequest,
  ShareView,
  Snapshot,
} from './model.js';

/** Starts the share, or finds it: repeating the call returns the same share. */
export const createUpdate = defineUpdate<ShareView, [ShareRequest]>('create');

/** Returns when the rule is active on the service instance. Repeating it with the same id is harmless. */
export const allowAccessUpdate = defineUpdate<
  AccessRule,
  // Without a type, as an older client asks, it is an address.
  [{ id: string; type?: AccessType; to: string; level: AccessLevel }]
>('allowAccess');

/** Takes a rule's id, or whom it names; returns when it gives the other level. Repeating it is harmless. */
export const changeAccessUpdate = defineUpdate<AccessRule, [{ rule: string; level: AccessLevel }]>(
  'changeAccess',
);

export interface DenyRequest {
  /** A rule's id, or whom it names. */
  rule: string;
  /** Chosen by the caller: a request that is sent again, its answer lost, is answered as it was. */
  request?: string;
}

/** Returns when the rule no longer lets anyone in. */
export const denyAccessUpdate = defineUpdate<AccessRule, [DenyRequest]>('denyAccess');

export interface SizeRequest {
  sizeGib: number;
  /** Chosen by the caller: a request that is sent again, its answer lost, is answered as it was. */
  request?: string;
}

/** Returns when the share has the larger size and is in service again. Refused when it has that size already. */
export const extendShareUpdate = defineUpdate<ShareView, [SizeRequest]>('extend');

/** As extending, to a smaller size; fails with `ShrinkingPossibleDataLoss` when the data would not fit. */
export const shrinkShareUpdate = defineUpdate<ShareView, [SizeRequest]>('shrink');

/** Extending and shrinking tell their share its true sizes, each as soon as it is true. */
export const sizedSignal = defineSignal<[{ sizeGib?: number; volumeSizeGib?: number }]>('sized');

/** Accepted at once; the share's workflow completes when nothing of the share is left. */
export const deleteShareUpdate = defineUpdate<ShareView, []>('delete');

/** Returns when the snapshot is available. Repeating it with the same id returns the same; a failed one is tried again. */
export const createSnapshotUpdate = defineUpdate<Snapshot, [{ id: string; name: string }]>(
  'createSnapshot',
);

/** Returns when nothing of the snapshot is left. */
export const deleteSnapshotUpdate = defineUpdate<Snapshot, [{ snapshotId: string }]>(
  'deleteSnapshot',
);

/** Takes over a snapshot of the share's volume that Cinder has. Repeating it with the same id returns the same. */
export const manageSnapshotUpdate = defineUpdate<
  Snapshot,
  [{ id: string; name: string; volumeSnapshotId: string }]
>('manageSnapshot');

/** Forgets a snapshot, which stays in Cinder. */
export const unmanageSnapshotUpdate = defineUpdate<Snapshot, [{ snapshotId: string }]>(
  'unmanageSnapshot',
);
/** Starts the share, or finds it: repeating the call returns the same share, and tries again what failed. */
export const manageUpdate = defineUpdate<ShareView, [ManageRequest]>('manage');

/** Accepted at once; the share's workflow completes when it is forgotten. Everything stays in service. */
export const unmanageUpdate = defineUpdate<ShareView, []>('unmanage');

/** `createShare` tells its share where it was placed, as soon as it was. */
export const placedSignal = defineSignal<[ServiceInstance]>('placed');

export type JoinResult = { instance: ServiceInstance } | { full: true };

/** `later`: it has its place, and asks again once the instance `isSettled`. */
export type JoinAnswer = JoinResult | { later: true };

export interface Joining {
  shareId: string;
  sizeGib?: number;
  managing?: boolean;
  /** Takes `later` for an answer. */
  asksAgain?: true;
}

/**
 * A share asks for a place; answered when the instance is active. Temporal has no more than ten updates under way at a
 * workflow by default: when a few wait already, others have their place, but are told `later`. Harmless to repeat.
 */
export const joinUpdate = defineUpdate<JoinAnswer, [Joining]>('join');

/** A share tells its instance what size it has now: the next one that wants to join is counted with that. */
export const shareSizedSignal = defineSignal<[{ shareId: string; sizeGib: number }]>('shareSized');

export interface Leaving {
  shareId: string;
  /** It is served from the instance as before. */
  unmanaged?: boolean;
  /** Nothing of it is left. */
  gone?: boolean;
  /** Where it is, or was, mounted: by that it is known when it was unmanaged before, under whatever id. */
  path?: string;
}

/**
 * A share gives its place back. For one that was unmanaged the instance stays, until that was managed again and is
 * gone. Harmless to repeat.
 */
export const leaveSignal = defineSignal<[Leaving]>('leave');

/** The same, as older builds send it. */
export const leaveUpdate = defineUpdate<void, [Leaving]>('leave');

/**
 * Looks for a backend's one server for all shares as the configuration now names it, starting its workflow if there
 * is none; answered when it is ready. Harmless to repeat.
 */
export const findServerUpdate = defineUpdate<ServiceInstance, [{ maxShares: number }]>(
  'findServer',
);

/** Looks whether the running instance meets the image requirements; changes nothing. */
export const checkImageUpdate = defineUpdate<RequirementsReport, []>('checkImage');

/** Where the instance is, null before it is set up. */
export const instanceQuery = defineQuery<ServiceInstance | null>('instance');

/** Refused while shares live on the instance; accepted at once otherwise. */
export const deleteInstanceUpdate = defineUpdate<void, []>('delete');

export interface EnsureRequest {
  /** `refuse` for those who ask many shares: one with an operation under way is left to it. */
  whenBusy: 'wait' | 'refuse';
  /** What is wrong with the share's instance, from one who knows: the share is out of service for the same reason. */
  instanceProblem: Problem | null;
}

/**
 * Looks whether the share is attached, mounted and exported to its rules, and puts right what is not. A share that
 * can't be brought back goes to `error`, and another call tries again. Harmless to repeat.
 */
export const ensureShareUpdate = defineUpdate<EnsuredShare, [EnsureRequest]>('ensure');

/**
 * Tries at once what could not be deleted, undone, brought back or denied of a share, its snapshot or an instance, and fails as
 * that does. Refused where nothing is to be tried again. Harmless to repeat.
 */
export const retryUpdate = defineUpdate<void, [{ snapshotId?: string }]>('retry');

/**
 * Ends the trying and forgets what it was about; what is left belongs to nobody then, and is there for a sweep. Refused for a
 * share that is to stay.
 */
export const giveUpUpdate = defineUpdate<void, [{ snapshotId?: string }]>('giveUp');

/** Looks whether the instance is there and answers, and what it lacks. Changes nothing. */
export const ensureInstanceUpdate = defineUpdate<InstanceHealth, []>('ensure');

/** Returns when the instance is back and its shares were ensured. Refused while another reboot is under way. */
export const rebootInstanceUpdate = defineUpdate<RebootReport, [{ type: RebootType }]>('reboot');
