/**
 * Who is let in to an export that was there before its share, as pure functions: access rules, what stands in the
 * way of taking it over, and what will not be as it was.
 */
import ipaddr from 'ipaddr.js';
import type { AccessLevel, AccessType } from './model.js';
import { canonicalAddress } from './validation.js';

export interface ExistingAccess {
  /** What the rules name. */
  accessBy: AccessType;
  rules: { to: string; level: AccessLevel }[];
  /** Clients would notice, or somebody would get in who may not: nothing is taken over. */
  obstacles: string[];
  /** What somebody should know. */
  notes: string[];
}

/** Each is written into every look at the share, and what is taken over must fit in one message of Temporal's. */
const MAX_RULES = 2000;

/** What stands in the way of so many rules; undefined when a share can have them. */
export const tooManyRules = ({ rules }: ExistingAccess): string | undefined =>
  rules.length > MAX_RULES
    ? `it lets in ${rules.length} clients, and a share that is taken over has ${MAX_RULES} rules at most: put them together in prefixes or shares`
    : undefined;

const MAX_SAID = 20;
const MAX_SAID_LENGTH = 300;

/** A host may have said much, and a workflow's memo, where its failure is told, takes 32 KB. */
export function inShort(texts: string[]): string[] {
  const said = texts
    .slice(0, MAX_SAID)
    .map((text) => (text.length > MAX_SAID_LENGTH ? `${text.slice(0, MAX_SAID_LENGTH)}…` : text));
  return texts.length > MAX_SAID ? [...said, `and ${texts.length - MAX_SAID} more`] : said;
}

/** What our own exports have too, as exportfs -s spells it. */
const usualOptions = new Set(
  'rw ro sync wdelay hide no_subtree_check secure no_all_squash mountpoint sec=sys acl nocrossmnt secure_locks no_pnfs anonuid=65534 anongid=65534'.split(
    ' ',
  ),
);

/** Of exports as `exportfs -s` shows them, `CLIENT(options)` each; `rootSquash` is what ours will have. */
export function accessOfExports(exports: string[], rootSquash = false): ExistingAccess {
  const squash = rootSquash ? 'root_squash' : 'no_root_squash';
  const access: ExistingAccess = { accessBy: 'ip', rules: [], obstacles: [], notes: [] };
  // Of exports to the same clients the first counts. Looked up, for there may be too many to look at all for each.
  const levels = new Map<string, AccessLevel>();
  for (const line of exports) {
    // Split, since a pattern takes long to find that a long line is none of these.
    const at = line.indexOf('(');
    const client = at < 0 ? line : line.slice(0, at);
    const list = at < 0 ? '' : line.slice(at + 1).trimEnd();
    const options = list.replace(/\)$/, '').split(',').filter(Boolean);
    const to = addressOf(client);
    if (to === undefined) {
      access.obstacles.push(
        `it is exported to ${client}, and rules are for addresses and prefixes: export it to these instead`,
      );
      continue;
    }
    if (to.endsWith('/0') && client !== '*' && client !== '<world>') {
      access.obstacles.push(
        `it is exported to ${client}, which is one kind of address, and a rule for all is for both: export it to * instead`,
      );
      continue;
    }
    const level = options.includes('rw') ? 'rw' : 'ro';
    if (!levels.has(to)) levels.set(to, level);
    const odd = options.filter((option) => !usualOptions.has(option) && option !== squash);
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
  return { ...access, rules: [...levels].map(([to, level]) => ({ to, level })) };
}

/**
 * A file handle holds the fsid; other security than sys is another way of logging in; without nohide those see nothing
 * more who came by way of a folder above.
 */
const breaksClients = (option: string): boolean =>
  option === 'nohide' || /^(fsid|sec|refer|replicas)=/.test(option);

/** In canonical form, everyone as a prefix; undefined for names, patterns and groups. */
export function addressOf(client: string): string | undefined {
  if (client === '*' || client === '<world>') return '0.0.0.0/0';
  const [address = '', mask] = client.split('/');
  try {
    if (mask === undefined) return canonicalAddress(client);
    // ipaddr.js reads ::10.0.0.5 as ::ffff:10.0.0.5, which is another address.
    if (/:.*\./.test(address)) return undefined;
    const bits = mask.includes('.') ? ipaddr.IPv4.parse(mask).prefixLengthFromSubnetMask() : mask;
    const network = (address.includes(':') ? ipaddr.IPv6 : ipaddr.IPv4).networkAddressFromCIDR(
      `${address}/${bits}`,
    );
    return canonicalAddress(`${network.toString()}/${bits}`);
  } catch {
    return undefined;
  }
}
