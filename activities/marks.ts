/**
 * What of Neutron's is ours says so in its description, set in one request with what it marks, so that nothing
 * of ours is ever without it. Neutron's tags need a second request, and a crash between the two would leave a
 * stranger.
 */
export const mark = (kind: string, id: string): string => `hawser:${kind}=${id}`;

/** Whether a description marks something of ours of that kind, of whatever id. */
export const isOurs = (kind: string, description: string): boolean =>
  description.startsWith(mark(kind, ''));
