import type { Protocol } from '../../client/index.js';
import type { Base } from '../lane-base.js';
import { Dice } from './dice.js';
import { Model, type ModelShare } from './model.js';
import { networkOf, wordsOfOperation, type Network, type Operation } from './operations.js';
import { killsWorker, throwTrouble, wordsOfTrouble, type Trouble } from './troubles.js';

/** Operations that begin at the same time, and what goes wrong meanwhile. */
export interface Step {
  operations: Operation[];
  /** Each is asked for twice at once. */
  twice: boolean;
  troubles: Trouble[];
}

/** What happens in a lane, one step after the other. */
export interface Schedule {
  seed: number;
  /** How the lane is before. */
  begins: Base;
  steps: Step[];
}

const letters = ['a', 'b', 'c', 'd'];
const clients = ['10.20.0.7', '10.20.9.9', '10.20.8.0/24', '10.20.12.0/24'];

/** One that passes for others only when nobody has more than its share of bad luck. */
const onceOnly = ['stale-list', 'temporal-killed', 'cloud-killed', 'guest-rebooted'];

/** The schedule of a seed, the same one on every machine. */
export function planOf(seed: number): Schedule {
  const dice = new Dice(seed);
  const begins: Base = dice.chance(0.12) ? 'bare' : 'instance';
  const model = new Model(begins === 'instance');
  const planner = new Planner(dice, model);
  const steps: Step[] = [];
  const length = dice.number(5, 9);
  while (steps.length < length) steps.push(planner.next());
  return { seed, begins, steps };
}

class Planner {
  readonly #dice: Dice;
  readonly #model: Model;
  readonly #names: string[];
  readonly #struck: Trouble[] = [];
  #count = 0;

  constructor(dice: Dice, model: Model) {
    this.#dice = dice;
    this.#model = model;
    this.#names = letters.slice(0, dice.number(2, 4));
  }

  next(): Step {
    const dice = this.#dice;
    const first = this.#operation();
    const makesInstance =
      (first.does === 'create' || first.does === 'copy') &&
      !this.#model.instances.has(networkOf(first.share));
    const operations = [first];
    this.#do(first);
    if (dice.chance(0.3)) {
      const second = this.#operation();
      if (independent(first, second)) {
        operations.push(second);
        this.#do(second);
      }
    }
    const again = operations.length === 1 && first.does !== 'write' && dice.chance(0.15);
    // Two requests in a row: of two such rows nobody could say which one a share is in.
    const twice = again && first.does !== 'hand over';
    return { operations, twice, troubles: this.#troubles(operations, makesInstance) };
  }

  #do(operation: Operation): void {
    if (this.#model.refusal(operation) === undefined) this.#model.apply(operation);
  }

  #troubles(operations: Operation[], makesInstance: boolean): Trouble[] {
    const doings = operations.flatMap(({ does }) => (does === 'write' ? [] : does));
    // A look for somebody who waits gives up after a few attempts.
    const looks = doings.some((does) => does.startsWith('ensure') || does === 'reboot instance');
    const count = this.#dice.weighted([
      [0, 5],
      [1, 4],
      [2, looks ? 0 : 1],
    ]);
    const troubles: Trouble[] = [];
    while (doings.length > 0 && troubles.length < count) {
      const trouble = throwTrouble(this.#dice, this.#dice.one(doings), {
        makesInstance,
        without: (kind) =>
          (looks && kind === 'ssh-refused') ||
          (onceOnly.includes(kind) && this.#struck.some((one) => one.kind === kind)),
      });
      this.#struck.push(trouble);
      // Two kills at once would be one.
      if (!(killsWorker(trouble) && troubles.some(killsWorker))) troubles.push(trouble);
      else break;
    }
    return troubles;
  }

  /** One that makes sense now; now and then one that has to be refused. */
  #operation(): Operation {
    const dice = this.#dice;
    const { shares } = this.#model;
    const free = this.#names.filter((name) => !shares.has(name));
    if (shares.size === 0) {
      const [...instances] = this.#model.instances;
      const over = instances.length > 0 && this.#count > 0;
      return over && dice.chance(0.4)
        ? { does: 'delete instance', of: dice.one(instances) }
        : this.#create(dice.one(free));
    }
    if (free.length > 0 && dice.chance(shares.size === 1 ? 0.4 : 0.25)) {
      const name = dice.one(free);
      return (dice.chance(0.6) && this.#copy(name)) || this.#create(name);
    }
    if (dice.chance(0.1)) {
      const of = dice.one<Network>([1, 2]);
      return dice.weighted<Operation>([
        [{ does: 'ensure instance', of }, 2],
        [{ does: 'reboot instance', of }, 3],
        [{ does: 'delete instance', of }, 1],
      ]);
    }
    const [name, share] = dice.one([...shares]);
    return this.#onShare(name, share);
  }

  #create(share: string): Operation {
    const sizeGib = this.#dice.number(1, 2);
    return { does: 'create', share, protocol: this.#protocol(), sizeGib };
  }

  #copy(share: string): Operation | undefined {
    const taken = [...this.#model.shares].flatMap(([origin, { snapshots, protocol }]) =>
      [...snapshots.keys()].map((snapshot) => ({ origin, snapshot, protocol })),
    );
    return taken.length > 0 ? { does: 'copy', share, ...this.#dice.one(taken) } : undefined;
  }

  #protocol(): Protocol {
    return this.#dice.chance(0.6) ? 'NFS' : 'CIFS';
  }

  #onShare(share: string, { protocol, sizeGib, rules, snapshots }: ModelShare): Operation {
    const dice = this.#dice;
    this.#count += 1;
    const to = dice.one(clients);
    const known = rules.size > 0 ? dice.one([...rules.keys()]) : to;
    const level = protocol === 'NFS' && dice.chance(0.5) ? 'ro' : 'rw';
    const snapshot = snapshots.size > 0 ? dice.one([...snapshots.keys()]) : 'none';
    const some = (list: ReadonlyMap<string, unknown>, weight: number) =>
      list.size > 0 ? weight : 0.1;
    return dice.weighted<Operation>([
      [{ does: 'write', share }, 3],
      [{ does: 'allow', share, rule: `rule-${this.#count}`, to, level }, 4],
      [{ does: 'change', share, to: known, level }, some(rules, 3)],
      [{ does: 'deny', share, to: known }, some(rules, 3)],
      [{ does: 'extend', share, sizeGib: sizeGib + 1 }, 3],
      [{ does: 'shrink', share, sizeGib: Math.max(1, sizeGib - 1) }, sizeGib > 1 ? 2 : 0.1],
      [{ does: 'take snapshot', share, snapshot: `snap-${this.#count}` }, 3],
      [{ does: 'delete snapshot', share, snapshot }, some(snapshots, 2)],
      [{ does: 'ensure', share }, 1],
      [{ does: 'hand over', share }, snapshots.size === 0 ? 1.5 : 0.2],
      [{ does: 'delete', share }, snapshots.size === 0 ? 2 : 0.3],
    ]);
  }
}

/** Whether the order in which they are done makes no difference. */
function independent(one: Operation, other: Operation): boolean {
  if (one.does === 'write' || other.does === 'write') return false;
  if (!('share' in one) || !('share' in other)) return false;
  const touched = (operation: Operation) => [
    'share' in operation ? operation.share : '',
    'origin' in operation ? operation.origin : '',
  ];
  const [theirs, rest] = [touched(other).filter(Boolean), touched(one)];
  return !theirs.some((name) => rest.includes(name));
}

/** A plan in words, one line each. */
export function wordsOfSchedule({ seed, begins, steps }: Schedule): string[] {
  const model = new Model(begins === 'instance');
  return [
    `Schedule ${seed}, in a lane ${begins === 'instance' ? 'with' : 'without'} service instances`,
    ...steps.flatMap(({ operations, twice, troubles }, at) => {
      const words = operations.map((operation) => {
        const refusal = model.refusal(operation);
        if (refusal === undefined) model.apply(operation);
        return `${wordsOfOperation(operation)}${refusal === undefined ? '' : ` (refused: ${refusal})`}`;
      });
      return [
        `${String(at + 1).padStart(3)}. ${words.join(', and at the same time ')}${twice ? ', asked for twice at once' : ''}`,
        ...troubles.map((trouble) => `       ${wordsOfTrouble(trouble)}`),
      ];
    }),
  ];
}
