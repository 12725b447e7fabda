import type { Cell } from './cells.js';
import type { Place } from './place.js';

/** What the call of a cell does, where that shall be done before anything happens. */
export interface Effect {
  isThere(): Promise<boolean>;
}

/** To be asked for before the call: a fault strikes a command when that begins, and it takes a while to its end. */
export async function effectOf({ bench, lane }: Place, { call, kind }: Cell): Promise<Effect> {
  const [fault] = kind.faults(call);
  if (call.kind !== 'ssh' || !fault?.effect.after) return { isThere: async () => true };
  const path = new RegExp(call.match.path ?? '');
  const [last] = (await bench.control.requests()).slice(-1);
  return {
    isThere: async () => {
      const entries = await bench.control.requests(last?.number);
      const ended = entries.filter(
        (entry) =>
          entry.project === lane.project && entry.service === 'ssh' && path.test(entry.path),
      );
      return ended.length > call.skip;
    },
  };
}
