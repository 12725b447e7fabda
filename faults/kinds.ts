import type { Call } from './calls.js';
import type { Effect, Fault } from './control.js';

/** What happens at a call while it is held up, before it goes on. */
export type Event =
  | 'kill the worker'
  | 'kill the worker before it can tell'
  | 'start a second worker'
  | 'replace the worker'
  | 'kill Temporal'
  | 'kill the cloud'
  | 'reboot the guest'
  | 'cancel the operation'
  | 'terminate the operation'
  | 'ask again';

/** One way in which a call goes wrong. */
export interface Kind {
  name: string;
  group: 'crash' | 'fault' | 'event';
  /** Whether it makes sense for a call. */
  suits(call: Call): boolean;
  /** What the cloud does to the call; the first is the one that must strike. */
  faults(call: Call): Fault[];
  /** What happens while the call is held. */
  event?: Event;
  /** Whether the operation may fail; otherwise it must end as if nothing had been. */
  mayFail?: boolean;
  /** It goes on until somebody mends it: trying again does not help. */
  lasts?: boolean;
  /** How long the operation may take, in milliseconds. Default: a minute. */
  limitMs?: number;
}

const HOLD_MS = 600_000;

const at = (call: Call, effect: Effect, more: Partial<Fault> = {}): Fault => ({
  match: call.match,
  skip: call.skip,
  effect,
  ...more,
});
const any = () => true;
const http = ({ kind }: Call) => kind === 'http';
const ssh = ({ kind }: Call) => kind === 'ssh';
const change = ({ kind, changes }: Call) => kind === 'http' && changes;

const serviceOf = ({ match }: Call): string => match.service ?? '';

const crash = (name: string, effect: Effect, event: Event): Kind => ({
  name,
  group: 'crash',
  suits: any,
  faults: (call) => [at(call, { delayMs: HOLD_MS, ...effect })],
  event,
});

const simple = (
  name: string,
  suits: Kind['suits'],
  effect: Effect,
  more: Partial<Kind> = {},
): Kind => ({
  name,
  group: 'fault',
  suits,
  faults: (call) => [at(call, effect)],
  ...more,
});

const answer = (status: number, headers: Record<string, string> = {}, body?: unknown): Effect => ({
  status,
  headers,
  ...(body !== undefined && { body }),
});

/** As each service says it: Nova with 403, Cinder with 413 and Neutron with 409. */
const quotaOf = (call: Call): Effect => {
  const { service } = call.match;
  if (service === 'network') {
    const NeutronError = {
      type: 'OverQuota',
      message: "Quota exceeded for resources: ['port'].",
      detail: '',
    };
    return answer(409, {}, { NeutronError });
  }
  if (service === 'volume') {
    return answer(
      413,
      {},
      { overLimit: { code: 413, message: 'Quota exceeded', retryAfter: '0' } },
    );
  }
  return answer(403, {}, { forbidden: { code: 403, message: 'Quota exceeded for instances' } });
};

export const kinds: Kind[] = [
  crash('crash-before', {}, 'kill the worker'),
  crash('crash-after', { after: true }, 'kill the worker'),
  crash('crash-unrecorded', { after: true }, 'kill the worker before it can tell'),
  {
    ...crash('crash-then-stale', { after: true }, 'kill the worker'),
    suits: ({ look }) => look !== undefined,
    faults: (call) => [
      at(call, { delayMs: HOLD_MS, after: true }),
      ...(call.look
        ? [{ match: call.look.match, skip: call.look.seen, effect: { stale: true } }]
        : []),
    ],
  },

  simple('401', http, answer(401)),
  simple('403', http, answer(403), { mayFail: true }),
  {
    name: 'quota',
    group: 'fault',
    suits: ({ kind, match }) => kind === 'http' && match.method === 'POST',
    faults: (call) => [at(call, quotaOf(call))],
    mayFail: true,
  },
  // Of a look, and of what is to be deleted, it is believed when it is said twice.
  simple('404', ({ kind, match }) => kind === 'http' && match.method === 'GET', answer(404)),
  simple(
    '404-to-a-change',
    ({ kind, match }) => kind === 'http' && match.method !== 'GET',
    answer(404),
    { mayFail: true },
  ),
  simple('409', http, answer(409)),
  simple('413-later', http, answer(413, { 'retry-after': '1' })),
  simple('429', http, answer(429, { 'retry-after': '1' })),
  simple('500', http, answer(500)),
  simple('500-after', change, { ...answer(500), after: true }),
  simple('502', http, answer(502, {}, '<html>Bad Gateway</html>')),
  simple('503', http, answer(503, { 'retry-after': '1' })),
  simple('half-an-answer', http, { half: true }),
  simple('reset-before', http, { reset: true }),
  simple('reset-after', http, { reset: true, after: true }),
  simple('time-out-before', http, { delayMs: 4000, reset: true }),
  simple('time-out-after', http, { delayMs: 4000, after: true }),
  simple('stale-list', ({ list }) => list, { stale: true }),

  {
    name: 'ssh-refused',
    group: 'fault',
    suits: ssh,
    faults: (call) => [
      at(call, { reset: true }),
      { match: { operation: 'ssh.connect' }, effect: { status: 502 }, times: 2 },
    ],
  },
  simple('ssh-dropped-before', ssh, { reset: true }),
  simple('ssh-dropped-midway', ssh, { midway: true, delayMs: 60 }),
  simple('ssh-dropped-between', ({ name }) => name.includes('-and-'), { between: true }),
  simple('ssh-dropped-after', ssh, { reset: true, after: true }),
  simple('ssh-half-its-output', ssh, { half: true }),
  simple('ssh-no-exit-status', ssh, { noStatus: true }),
  // Longer than most scripts may take; for one that works through a file system it is only slow.
  simple('ssh-hangs', ssh, { delayMs: 80_000 }, { limitMs: 150_000 }),
  simple('ssh-hangs-after', ssh, { delayMs: 80_000, after: true }, { limitMs: 150_000 }),
  simple(
    'ssh-another-host-key',
    ssh,
    { reset: true, hostKeyChanged: true },
    { mayFail: true, lasts: true },
  ),

  ...(
    [
      ['guest-rebooted', {}],
      ['guest-rebooted-after', { after: true }],
    ] as const
  ).map(([name, effect]): Kind => ({
    name,
    group: 'event',
    suits: (call) => ssh(call) || (change(call) && /^(compute|volume)$/.test(serviceOf(call))),
    faults: (call) => [at(call, { delayMs: HOLD_MS, ...effect })],
    event: 'reboot the guest',
  })),
  ...(
    [
      ['cancelled', 'cancel the operation'],
      ['terminated', 'terminate the operation'],
    ] as const
  ).map(([name, event]): Kind => ({
    name,
    group: 'event',
    suits: any,
    faults: (call) => [at(call, { delayMs: HOLD_MS, after: true })],
    event,
    mayFail: true,
  })),
  {
    name: 'asked-twice',
    group: 'event',
    suits: ({ changes }) => changes,
    faults: (call) => [at(call, { delayMs: HOLD_MS })],
    event: 'ask again',
  },
  ...(
    [
      ['second-worker', 'start a second worker'],
      ['worker-replaced', 'replace the worker'],
      ['temporal-killed', 'kill Temporal'],
    ] as const
  ).map(([name, event]): Kind => ({
    name,
    group: 'event',
    suits: ({ changes }) => changes,
    faults: (call) => [at(call, { delayMs: HOLD_MS, after: true })],
    event,
  })),
  // The call is cut off, and those after it are refused until the cloud is there again.
  {
    name: 'cloud-killed',
    group: 'event',
    suits: ({ kind, changes }) => kind === 'http' || changes,
    faults: (call) => [at(call, { delayMs: HOLD_MS, after: true })],
    event: 'kill the cloud',
  },
];
