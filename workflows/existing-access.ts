/**
 * Who is let in to an export that was there before its share, as pure functions: access rules, what stands in the
 * way of taking it over, and what will not be as it was.
 */
import ipaddr from 'ipaddr.js';
import type { AccessLevel } from './model.js';
import { canonicalAddress } from './validation.js';

export interface ExistingAccess {
  rules: { to: string; level: AccessLevel }[];
  /** Clients would notice, or somebody would get in who may not: nothing is taken over. */
  obstacles: string[];
  /** What somebody should know. */
  notes: string[];
}

/** What our own exports have too, as exportfs -s spells it. */
const usualOptions = new Set(
  'rw ro sync wdelay hide no_subtree_check secure no_root_squash no_all_squash mountpoint sec=sys acl nocrossmnt secure_locks no_pnfs anonuid=65534 anongid=65534'.split(
    ' ',
  ),
);

/** Of exports as `exportfs -s` shows them, `CLIENT(options)` each. */
export function accessOfExports(exports: string[]): ExistingAccess {
  const access: ExistingAccess = { rules: [], obstacles: [], notes: [] };
  for (const line of exports) {
    const [, client = line, list = ''] = /^(\S+?)\((.*)\)\s*$/.exec(line) ?? [];
    const options = list.split(',').filter(Boolean);
    const to = addressOf(client);
    if (to === undefined) {
      access.obstacles.push(
        `it is exported to ${client}, and rules are for addresses and prefixes: export it to these instead`,
      );
      continue;
    }
    const level = options.includes('rw') ? 'rw' : 'ro';
    if (!access.rules.some((rule) => rule.to === to)) access.rules.push({ to, level });
    const odd = options.filter((option) => !usualOptions.has(option));
    for (const option of odd.filter(breaksClients)) {
      access.obstacles.push(
        `it is exported to ${client} with ${option}, without which its clients would lose it`,
      );
    }
    const lost = odd.filter((option) => !breaksClients(option));
    if (lost.length > 0) {
      access.notes.push(
        `the export to ${client} had ${lost.join(', ')}, which Hawser does not keep`,
      );
    }
  }
  return access;
}

/** A file handle holds the fsid; other security than sys is another way of logging in. */
const breaksClients = (option: string): boolean => /^(fsid|sec|refer|replicas)=/.test(option);

const usualParameters = new Set([
  'path',
  'read only',
  'guest ok',
  'guest only',
  'browseable',
  'hosts allow',
  'hosts deny',
  'available',
]);

const whoMay = ['invalid users', 'read list', 'write list', 'admin users'];

/** Of a section as `net conf showshare` shows it. */
export function accessOfSection(section: string): ExistingAccess {
  const parameters = new Map(
    section.split('\n').flatMap((line) => {
      const [, key, value] = /^\s*([^[=#;]+?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key.toLowerCase(), value] as const];
    }),
  );
  const is = (key: string, wanted: RegExp) => wanted.test(parameters.get(key) ?? '');
  const { addresses, obstacles } = hostsIn(parameters);
  if (is('valid users', /\S/)) {
    obstacles.push(
      `it lets in users (valid users = ${parameters.get('valid users')}), not addresses`,
    );
  }
  // Samba's own default is read only.
  if (!is('read only', /^(no|false|0|off)$/i)) {
    obstacles.push('it is read only, and rules of a CIFS share give rw: set read only = no');
  }
  // What a rule lets in comes as a guest: nobody gets in who had to log in before.
  if (!is('guest ok', /^(yes|true|1|on)$/i)) {
    obstacles.push(
      'its clients log in, and whom a rule names comes in as a guest: set guest ok = yes',
    );
  }
  for (const key of whoMay.filter((one) => parameters.has(one))) {
    obstacles.push(`it tells its users apart (${key} = ${parameters.get(key)}), and rules do not`);
  }
  const notes = [...parameters]
    .filter(([key]) => !usualParameters.has(key) && !whoMay.includes(key))
    .map(([key, value]) => `the share had ${key} = ${value}, which Hawser does not keep`);
  const closed = is('available', /^(no|false|0|off)$/i);
  return {
    rules: closed ? [] : addresses.map((to) => ({ to, level: 'rw' })),
    obstacles,
    notes,
  };
}

function hostsIn(parameters: Map<string, string>): { addresses: string[]; obstacles: string[] } {
  const allow = parameters.get('hosts allow');
  const deny = parameters.get('hosts deny')?.trim() ?? '';
  if (allow === undefined) {
    if (deny === '') return { addresses: ['0.0.0.0/0', '::/0'], obstacles: [] };
    if (/^(ALL|0\.0\.0\.0\/0)$/i.test(deny)) return { addresses: [], obstacles: [] };
  }
  const obstacles: string[] = [];
  if (deny !== '' && !/^(ALL|0\.0\.0\.0\/0)$/i.test(deny)) {
    obstacles.push(`it shuts out some (hosts deny = ${deny}): say in hosts allow who may come in`);
  }
  const addresses = (allow ?? '').split(/[\s,]+/).flatMap((word) => {
    if (word === '' || /^(127\.|localhost$|::1$)/.test(word)) return [];
    if (/^ALL$/i.test(word)) return ['0.0.0.0/0', '::/0'];
    const to = addressOf(beginningOf(word));
    if (to === undefined) {
      obstacles.push(`it lets in ${word} (hosts allow), and rules are for addresses and prefixes`);
    }
    return to === undefined ? [] : [to];
  });
  return { addresses: [...new Set(addresses)], obstacles };
}

/** Samba takes `10.0.` for all addresses that begin so. */
function beginningOf(word: string): string {
  if (!/^(\d+\.){1,3}$/.test(word)) return word;
  const parts = word.split('.').filter(Boolean);
  const address = [...parts, '0', '0', '0'].slice(0, 4).join('.');
  return `${address}/${parts.length * 8}`;
}

/** In canonical form, everyone as a prefix; undefined for names, patterns and groups. */
function addressOf(client: string): string | undefined {
  if (client === '*' || client === '<world>') return '0.0.0.0/0';
  const [address = '', mask] = client.split('/');
  try {
    if (mask === undefined) return canonicalAddress(client);
    const bits = mask.includes('.') ? ipaddr.IPv4.parse(mask).prefixLengthFromSubnetMask() : mask;
    const network = (address.includes(':') ? ipaddr.IPv6 : ipaddr.IPv4).networkAddressFromCIDR(
      `${address}/${bits}`,
    );
    return canonicalAddress(`${network.toString()}/${bits}`);
  } catch {
    return undefined;
  }
}
