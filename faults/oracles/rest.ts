import { setTimeout as sleep } from 'node:timers/promises';
import type { Finding } from '../findings.js';
import type { Picture } from '../picture.js';

const underWay = /^(?!error).*ing$/;

/** Nothing says that something happens to it while nothing does. */
export function findUnrest({ shares, instances }: Picture): Finding[] {
  const entities = [
    ...shares.map((share) => ({ ...share, what: 'share' })),
    ...instances.map((instance) => ({ ...instance, what: 'instance' })),
  ];
  const words = shares.flatMap(({ id, accessRules, snapshots }) => [
    ...accessRules.map(({ to, state }) => ({ what: `rule ${to} of share ${id}`, status: state })),
    ...snapshots.map((snapshot) => ({ what: `snapshot ${snapshot.id}`, status: snapshot.status })),
  ]);
  return [
    ...entities
      .filter(({ status, operation }) => underWay.test(status) || operation !== null)
      .map(({ what, id, status, operation }) => `${what} ${id} is ${status} (${operation?.type})`),
    ...words
      .filter(({ status }) => underWay.test(status) || status === 'queued_to_apply')
      .map(({ what, status }) => `${what} is ${status}`),
  ].map((text) => ({ outcome: 'stuck', text }));
}

type Words = Pick<Picture, 'shares' | 'instances'>;

/** Looks until all is at rest, as far as Hawser's own words go; false when it is not by then. */
export async function untilAtRest(look: () => Promise<Words>, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const words = await look();
    if (findUnrest({ ...words, holdings: {}, guests: [] }).length === 0) return true;
    if (Date.now() > deadline) return false;
    await sleep(100);
  }
}
