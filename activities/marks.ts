/**
 * What of Neutron's is ours says so in its description, set in one request with what it marks, so that nothing
 * of ours is ever without it. Neutron's tags need a second request, and a crash between the two would leave a
 * stranger.
 */
export const mark = (kind: string, id: string): string => `hawser:${kind}=${id}`;

/** Whether a description marks something of ours of that kind, of whatever id. */
export const isOurs = (kind: string, description: string): boolean =>
  description.startsWith(mark(kind, ''));

/** The same in the metadata of what is Nova's and Cinder's. */
export const shareTag = 'hawser:share_id';
export const snapshotTag = 'hawser:snapshot_id';
export const instanceTag = 'hawser:instance_id';
export const backendTag = 'hawser:backend';
/** On what was there before Hawser took it over: it is given back, never deleted for want of an owner. */
export const takenOverTag = 'hawser:taken_over';
/** Whether a boot volume goes with its instance, as it was when it was made: the options of today may be others. */
export const fateTag = 'hawser:delete_on_termination';
