import type { Call } from '../calls.js';
import { kinds, type Kind } from '../kinds.js';
import type { Dice } from './dice.js';
import type { Doing } from './operations.js';

/** What goes wrong while operations run: a kind of the matrix, at one of the calls that come from then on. */
export interface Trouble {
  kind: string;
  /** One of `calls`. */
  at: CallName;
  /** How many such calls pass unharmed before. */
  skip: number;
}

const http = (service: string, method: string): Omit<Call, 'name' | 'skip'> => ({
  kind: 'http',
  changes: method !== 'GET',
  list: false,
  match: { service, method },
});

const list = (service: string): Omit<Call, 'name' | 'skip'> => ({
  kind: 'http',
  changes: false,
  list: true,
  match: { service, method: 'GET', path: '\\?' },
});

/** Sorts of calls: which one of a sort it is depends on the way that the operation takes. */
const calls = {
  'POST to Cinder': http('volume', 'POST'),
  'GET of Cinder': http('volume', 'GET'),
  'list of Cinder': list('volume'),
  'DELETE of Cinder': http('volume', 'DELETE'),
  'POST to Nova': http('compute', 'POST'),
  'GET of Nova': http('compute', 'GET'),
  'DELETE of Nova': http('compute', 'DELETE'),
  'POST to Neutron': http('network', 'POST'),
  'list of Neutron': list('network'),
  'DELETE of Neutron': http('network', 'DELETE'),
  'command on the instance': {
    kind: 'ssh',
    changes: true,
    list: false,
    match: { operation: 'ssh.command' },
  },
} satisfies Record<string, Omit<Call, 'name' | 'skip'>>;

export type CallName = keyof typeof calls;

const command: CallName = 'command on the instance';

/** Which sorts an operation makes, the more often the likelier. */
const made: Record<Exclude<Doing, 'write'>, readonly (readonly [CallName, number])[]> = {
  create: [
    ['POST to Cinder', 3],
    ['list of Cinder', 2],
    ['GET of Cinder', 2],
    ['POST to Nova', 3],
    ['GET of Nova', 2],
    ['list of Neutron', 1],
    [command, 6],
  ],
  copy: [
    ['POST to Cinder', 3],
    ['list of Cinder', 2],
    ['GET of Cinder', 2],
    ['POST to Nova', 3],
    ['GET of Nova', 2],
    [command, 6],
  ],
  allow: [[command, 1]],
  change: [[command, 1]],
  deny: [[command, 1]],
  extend: [
    ['POST to Cinder', 2],
    ['GET of Cinder', 2],
    ['POST to Nova', 2],
    ['GET of Nova', 1],
    ['DELETE of Nova', 2],
    [command, 6],
  ],
  shrink: [
    ['POST to Nova', 2],
    ['GET of Nova', 1],
    ['DELETE of Nova', 2],
    ['GET of Cinder', 1],
    [command, 6],
  ],
  'take snapshot': [
    ['POST to Cinder', 3],
    ['list of Cinder', 2],
    ['GET of Cinder', 2],
    [command, 3],
  ],
  'delete snapshot': [
    ['DELETE of Cinder', 3],
    ['list of Cinder', 2],
    ['GET of Cinder', 1],
  ],
  ensure: [
    ['GET of Nova', 1],
    ['GET of Cinder', 1],
    [command, 4],
  ],
  'hand over': [
    ['GET of Cinder', 1],
    ['POST to Cinder', 1],
    [command, 4],
  ],
  delete: [
    ['GET of Nova', 1],
    ['DELETE of Nova', 3],
    ['list of Cinder', 1],
    ['DELETE of Cinder', 3],
    [command, 4],
  ],
  'ensure instance': [
    ['GET of Nova', 1],
    [command, 2],
  ],
  'reboot instance': [
    ['POST to Nova', 2],
    ['GET of Nova', 2],
    [command, 4],
  ],
  'delete instance': [
    ['GET of Nova', 1],
    ['DELETE of Nova', 3],
    ['list of Neutron', 2],
    ['DELETE of Neutron', 3],
  ],
};

/** A setting up and its undoing are most of what is done to networks and servers. */
const withoutInstance: readonly (readonly [CallName, number])[] = [
  ['POST to Neutron', 3],
  ['list of Neutron', 3],
  ['POST to Nova', 3],
  ['GET of Nova', 2],
  [command, 3],
];

const kindOf = (name: string): Kind => {
  const kind = kinds.find((one) => one.name === name);
  if (!kind) throw new Error(`there is no kind ${name}`);
  return kind;
};

/** Too slow for a schedule, of no use without a second worker, or not for each command. */
const leftOut = [
  'ssh-hangs',
  'ssh-dropped-between',
  'asked-twice',
  'second-worker',
  'worker-replaced',
];

const harmless = kinds.filter(({ name, mayFail }) => !mayFail && !leftOut.includes(name));

const isCrash = ({ group }: Kind): boolean => group === 'crash';

const weightOf = ({ name, group }: Kind): number => {
  if (name === 'temporal-killed') return 0.15;
  if (name === 'cloud-killed') return 0.3;
  return group === 'crash' ? 0.8 : 1;
};

export interface Chances {
  /** Whether it would make its instance first. */
  makesInstance: boolean;
  /** Kinds that have had their turn. */
  without: (kind: string) => boolean;
}

/** A trouble for an operation. */
export function throwTrouble(
  dice: Dice,
  doing: Exclude<Doing, 'write'>,
  { makesInstance, without }: Chances,
): Trouble {
  const at = dice.weighted(makesInstance ? [...made[doing], ...withoutInstance] : made[doing]);
  const call = { ...calls[at], name: at, skip: 0 };
  const fitting = harmless.filter((kind) => kind.suits(call) && !without(kind.name));
  const kind = dice.weighted(fitting.map((one) => [one, weightOf(one)] as const));
  const few = made[doing].length === 1;
  const skip = dice.weighted([
    [0, 5],
    [1, few ? 0 : 3],
    [2, few ? 0 : 1],
  ]);
  return { kind: kind.name, at, skip };
}

/** As the matrix has it. */
export function kindAndCall({ kind, at, skip }: Trouble): { kind: Kind; call: Call } {
  return { kind: kindOf(kind), call: { ...calls[at], name: at, skip } };
}

export const killsWorker = ({ kind }: Trouble): boolean => isCrash(kindOf(kind));

/** For people. */
export const wordsOfTrouble = ({ kind, at, skip }: Trouble): string =>
  `${kind} at ${skip === 0 ? 'the next' : `the ${skip + 1}. next`} ${at}`;
