import type { Entry, Match } from './control.js';
import { existingServer } from './existing-server.js';

/** A request to the cloud or a command on a guest that an operation makes, found again in another run. */
export interface Call {
  /** `POST volumes`, `GET volumes/{id}`, `ssh mount-share`; with `#2` the second of its kind. */
  name: string;
  kind: 'http' | 'ssh';
  /** Whether it changes something. */
  changes: boolean;
  /** Whether it is answered with a list. */
  list: boolean;
  match: Match;
  /** How many of its kind come before it. */
  skip: number;
  /** Of a creation, the list that was looked at whether the thing is there; `seen` times up to the creation. */
  look?: { match: Match; seen: number };
}

/** Of calls that are made again and again, while something is waited for or one by one, the first and no more. */
const most = { reading: 2, changing: 3 };

/** The calls that a good run made, those of one kind no more than a few times. */
export function callsOf(entries: Entry[], project: string): Call[] {
  const counts = new Map<string, number>();
  const calls: Call[] = [];
  const own = entries.filter((entry) => entry.project === project);
  for (const [at, entry] of own.entries()) {
    const { name, match } = identify(entry);
    const look = lookBefore(own.slice(0, at), entry, name);
    const before = counts.get(name) ?? 0;
    counts.set(name, before + 1);
    if (before >= (entry.method === 'GET' ? most.reading : most.changing)) continue;
    calls.push({
      name: before === 0 ? name : `${name}#${before + 1}`,
      kind: entry.service === 'ssh' ? 'ssh' : 'http',
      changes: entry.method !== 'GET' && entry.operation !== 'token.create',
      list: entry.method === 'GET' && !name.endsWith('}'),
      match,
      skip: before,
      ...(look && { look }),
    });
  }
  return calls;
}

/** The last list of its own kind before a creation. */
function lookBefore(before: Entry[], { service }: Entry, name: string): Call['look'] {
  const collection = /^POST ([\w-]+)$/.exec(name)?.[1];
  if (collection === undefined) return undefined;
  const isList = new RegExp(`^GET ${collection}(/detail)?(\\?|$)`);
  const list = before.findLast(
    (entry) => entry.service === service && isList.test(identify(entry).name),
  );
  if (!list) return undefined;
  const { match } = identify(list);
  const pattern = new RegExp(match.path ?? '');
  const alike = before.filter(
    (entry) => entry.service === service && entry.method === 'GET' && pattern.test(entry.path),
  );
  return { match, seen: alike.length };
}

const laneName = /[\w-]*lane-\d+/g;
const ids = /[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}/g;

function identify({ service, method, path, operation }: Entry): { name: string; match: Match } {
  if (service === 'ssh') {
    return {
      name: `ssh ${path}`,
      match: { operation: 'ssh.command', path: `^${escape(path)}$` },
    };
  }
  const [route = '', query = ''] = path.split('?');
  const shape = route.replace(ids, '{id}').replace(/^\/\w+\/(v[\d.]+\/)?(\{id\}\/)?/, '');
  // Key pairs and the like are addressed by their names.
  const named = shape
    .replace(/(os-keypairs)\/.+/, '$1/{id}')
    .replace(`servers/${existingServer}`, 'servers/{name}')
    .replace(laneName, '{name}');
  // By which fields a list is narrowed tells lists apart, not by which values.
  const fields = [...new URLSearchParams(query).keys()].filter((key) => key !== 'limit').sort();
  const action = operation !== null && named.endsWith('/action') ? ` ${operation}` : '';
  const name = `${method} ${named}${fields.length > 0 ? `?${fields.join('&')}` : ''}${action}`;
  const pattern = escape(route)
    .replace(ids, '[^/?]+')
    .replace(/(os-keypairs)\/[^/]+$/, '$1/[^/?]+')
    .replace(laneName, '[^/?]+');
  const narrowed = fields.map((field) => `(?=.*[?&]${escape(field)}=)`).join('');
  const end = fields.length > 0 ? `(?=\\?)${narrowed}` : '(\\?limit=\\d+)?$';
  return {
    name,
    match: {
      service,
      method,
      path: `^${pattern}${end}`,
      ...(operation !== null && { operation }),
    },
  };
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
