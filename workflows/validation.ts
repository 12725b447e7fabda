/**
 * What a share and its access rules may be, as pure functions: the workflows' validators refuse with them,
 * and the client asks them first. A check returns the reason for a refusal, or undefined. Arguments are
 * `unknown` because a caller of the workflow may send anything.
 */
import ipaddr from 'ipaddr.js';
import type {
  AccessRule,
  AccessType,
  ManageRequest,
  Protocol,
  ShareRequest,
  ShareView,
} from './model.js';

const MAX_SIZE_GIB = 65_536;
const MAX_NAME_LENGTH = 255;
const CONTROL_CHARACTER = /\p{Cc}/u;
/** Half of a pair: another character would arrive in its place. */
const LONE_SURROGATE = /\p{Cs}/u;

type Check = (value: unknown) => string | undefined;

/** Ids become names of workflows, volumes, paths and exports: nothing in them may need quoting. */
const checkId =
  (what: string): Check =>
  (value) => {
    if (typeof value !== 'string' || value === '') return `the ${what} is missing`;
    const rule = `use 1 to 64 letters, digits, ".", "_" or "-", starting with a letter or digit`;
    const odd = new Set(value.match(/[^A-Za-z0-9._-]/gu));
    if (odd.size > 0) {
      return `${what} ${quote(value)} contains ${[...odd].map(quote).join(' ')}: ${rule}`;
    }
    if (value.length > 64) return `${what} ${quote(value)} has ${value.length} characters: ${rule}`;
    if (!/^[A-Za-z0-9]/.test(value)) {
      return `${what} ${quote(value)} starts with ${quote(value.slice(0, 1))}: ${rule}`;
    }
    return undefined;
  };

/** Samba takes `Data` and `data` for one share. */
const checkShareId: Check = (value) => {
  const invalid = checkId('share id')(value);
  if (invalid !== undefined || typeof value !== 'string' || !/[A-Z]/.test(value)) return invalid;
  return `share id ${quote(value)} has capital letters, which CIFS can't tell from small ones: use ${quote(value.toLowerCase())}`;
};

const checkName: Check = (value) => {
  if (typeof value !== 'string') return 'the name must be text';
  return checkText('name', value);
};

const checkProtocol: Check = (value) =>
  value === 'NFS' || value === 'CIFS'
    ? undefined
    : `protocol ${quote(value)} is unknown: use NFS or CIFS`;

const checkSize: Check = (value) => {
  const rule = `use a whole number of GiB from 1 to ${MAX_SIZE_GIB}`;
  if (value === undefined) return `the size is missing: ${rule}`;
  if (typeof value !== 'number' || Number.isNaN(value)) {
    return `size ${quote(value)} is not a number: ${rule}`;
  }
  if (value < 0) return `size ${value} is negative: ${rule}`;
  if (value === 0) return `a size of 0 leaves no room for a file: ${rule}`;
  if (value > MAX_SIZE_GIB) return `size ${value} is larger than the largest share: ${rule}`;
  if (!Number.isInteger(value)) return `size ${value} is a fraction: ${rule}`;
  return undefined;
};

/** Whether its backend wants one, only a worker knows. */
const checkShareNetwork: Check = (value) => {
  if (value === null) return undefined;
  if (typeof value !== 'string')
    return 'the share network is missing: use NETWORK or NETWORK/SUBNET';
  const parts = value.split('/');
  // A dot is no name that Neutron could be asked for: it would be another path.
  if (parts.length > 2 || parts.some((part) => /^(\s*|\.\.?)$/u.test(part))) {
    return `share network ${quote(value)} is not of the form NETWORK or NETWORK/SUBNET (names or ids)`;
  }
  return checkText('share network', value);
};

function checkText(what: string, value: string): string | undefined {
  const control = CONTROL_CHARACTER.exec(value);
  if (control) return `the ${what} contains the control character ${quote(control[0])}`;
  if (LONE_SURROGATE.test(value)) return `the ${what} is not well-formed Unicode: ${quote(value)}`;
  if (value.length > MAX_NAME_LENGTH) {
    return `the ${what} has ${value.length} characters: ${MAX_NAME_LENGTH} are the most`;
  }
  return undefined;
}

const checkAvailabilityZone: Check = (value) => {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') return 'the availability zone must be text';
  return checkText('availability zone', value);
};

const checkFromSnapshot: Check = (value) => {
  if (value === undefined) return undefined;
  const { shareId, snapshotId } = (value ?? {}) as Record<string, unknown>;
  return checkShareId(shareId) ?? checkId('snapshot id')(snapshotId);
};

/** The check of each part of a share request, by the part's name. */
export const shareRequestChecks: Record<keyof ShareRequest, Check> = {
  id: checkShareId,
  name: checkName,
  protocol: checkProtocol,
  sizeGib: checkSize,
  shareNetwork: checkShareNetwork,
  backend: checkId('backend'),
  availabilityZone: checkAvailabilityZone,
  fromSnapshot: checkFromSnapshot,
};

/** The first reason why a share like this cannot be, or undefined. */
export function validateShareRequest(request: ShareRequest): string | undefined {
  const parts = Object.keys(shareRequestChecks) as (keyof ShareRequest)[];
  for (const part of parts) {
    const reason = shareRequestChecks[part](request[part]);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

const checkExportLocation: Check = (value) => {
  if (typeof value !== 'string' || value === '') return 'the export location is missing';
  return checkText('export location', value);
};

const checkVolumeId: Check = (value) =>
  value === null || (typeof value === 'string' && /^[0-9a-fA-F-]{32,36}$/.test(value))
    ? undefined
    : `volume id ${quote(value)} is no id of Cinder's`;

/** The check of each part of a request to manage a share, by the part's name. */
export const manageRequestChecks: Record<keyof ManageRequest, Check> = {
  id: checkShareId,
  name: checkName,
  protocol: checkProtocol,
  backend: checkId('backend'),
  exportLocation: checkExportLocation,
  volumeId: checkVolumeId,
  serviceInstance: (value) =>
    value === null || (typeof value === 'string' && /^[A-Za-z0-9._-]+$/.test(value))
      ? undefined
      : `service instance ${quote(value)} is no id`,
};

/** The first reason why nothing can be managed by this request, or undefined. */
export function validateManageRequest(request: ManageRequest): string | undefined {
  const parts = Object.keys(manageRequestChecks) as (keyof ManageRequest)[];
  for (const part of parts) {
    const reason = manageRequestChecks[part](request[part]);
    if (reason !== undefined) return reason;
  }
  return validateExportLocation(request.protocol, request.exportLocation);
}

/** The reason why a share of this protocol cannot be exported there, or undefined. */
export function validateExportLocation(protocol: Protocol, location: string): string | undefined {
  if (exportedName(protocol, location) !== undefined) return undefined;
  const form =
    protocol === 'NFS'
      ? 'ADDRESS:/path, the path of letters, digits, ".", "_" and "-"'
      : String.raw`\\ADDRESS\name, the name of letters, digits, ".", "_" and "-", and none of global, homes and printers`;
  return `export location ${quote(location)} of a ${protocol} share is not of the form ${form}`;
}

/** Sections of Samba's that are no shares: its own settings, and patterns that shares are made by. */
const SPECIAL_SECTION = /^(global|homes|printers)$/i;

/** The path that an NFS export location names, or the name of a CIFS one's; undefined when it is of no such form. */
export function exportedName(protocol: Protocol, location: string): string | undefined {
  if (protocol === 'CIFS') {
    const name = /^\\\\[^\\/\s]+\\([A-Za-z0-9][A-Za-z0-9._-]*)$/.exec(location)?.[1];
    return name !== undefined && SPECIAL_SECTION.test(name) ? undefined : name;
  }
  const path = /^[^/\s]+:((?:\/[A-Za-z0-9._-]+)+)\/?$/.exec(location)?.[1];
  return path?.split('/').some((part) => part === '.' || part === '..') ? undefined : path;
}

/** The first reason why such a rule cannot be given to such a share, or undefined. */
export function validateAccess(
  share: Pick<ShareView, 'protocol' | 'accessBy'>,
  { type, to, level }: Pick<AccessRule, 'type' | 'to' | 'level'>,
): string | undefined {
  if (level !== 'rw' && level !== 'ro') return `level ${quote(level)} is unknown: use rw or ro`;
  if (type !== 'ip' && type !== 'user') {
    return `access type ${quote(type)} is unknown: use ip or user`;
  }
  const { protocol, accessBy } = share;
  if (type !== accessBy) return `${namesOf[protocol][accessBy]}, not ${words[type]}`;
  if (protocol === 'CIFS' && type === 'ip' && level === 'ro') {
    return 'a CIFS share gives addresses rw access only: use rw';
  }
  try {
    canonicalSubject(type, to);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const words = { ip: 'addresses', user: 'users' };
const namesOf = {
  NFS: { ip: 'the rules of an NFS share name addresses', user: 'this share takes rules for users' },
  CIFS: {
    ip: 'the rules of this CIFS share name addresses (as CIFSHelperIPAccess has them)',
    user: 'the rules of this CIFS share name users (as CIFSHelperUserAccess has them)',
  },
};

/** The one spelling of whom a rule names. Throws an Error that says what is wrong. */
export const canonicalSubject = (type: AccessType, to: string): string =>
  type === 'user' ? userName(to) : canonicalAddress(to);

/** Whether two rules name the same client; Samba does not tell `Alice` from `alice`. */
export const sameSubject = (
  one: Pick<AccessRule, 'type' | 'to'>,
  other: Pick<AccessRule, 'type' | 'to'>,
): boolean =>
  one.type === other.type &&
  (one.type === 'user' ? one.to.toLowerCase() === other.to.toLowerCase() : one.to === other.to);

/** In Samba's lists @, + and & make groups, % is replaced, and blanks and commas separate: none may get there. */
function userName(text: unknown): string {
  if (typeof text !== 'string' || text === '') throw new Error('the user name is missing');
  const part = '[A-Za-z0-9_][A-Za-z0-9._-]{0,63}';
  if (new RegExp(`^(?:${part}\\\\)?${part}$`).test(text)) return text;
  throw new Error(
    `${quote(text)} is not a user name: use 1 to 64 letters, digits, ".", "_" or "-", after DOMAIN\\ if need be`,
  );
}

/** The reason why a snapshot cannot have this id, or undefined. */
export const validateSnapshotId: Check = checkId('snapshot id');

/** The reason why a snapshot cannot have this name, or undefined. */
export const validateName: Check = checkName;

/** The reason why something cannot be an id of Cinder's, or undefined. */
export const validateCinderId: Check = (value) =>
  typeof value === 'string' && /^[0-9a-fA-F-]{1,64}$/.test(value)
    ? undefined
    : `${quote(value)} is no id of Cinder's: give the one that \`openstack volume snapshot list\` shows`;

/** The reason why an access rule cannot have this id, or undefined. */
export const validateRuleId: Check = checkId('rule id');

/**
 * The one spelling of an address or prefix: `10.0.0.5` for `10.0.0.5/32`, `2001:db8::1` for `2001:DB8:0::1`.
 * Throws an Error that says what is wrong; a prefix with host bits set is refused, since what its author
 * meant is open: one machine or a whole network.
 */
export function canonicalAddress(text: string): string {
  const { address, bits } = parse(text);
  const width = address.kind() === 'ipv4' ? 32 : 128;
  if (address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress()) {
    throw new Error(`${text} is an IPv4 address in IPv6 clothes: write it as IPv4`);
  }
  const canonical = spell(address);
  if (bits === width) {
    refuseIfNobodys(text, address);
    return canonical;
  }
  const network = networkAddress(address, bits);
  if (network !== canonical) {
    throw new Error(
      `${text} has bits set beyond its prefix: use ${network}/${bits} for the network, or ${canonical} for the one address`,
    );
  }
  return `${canonical}/${bits}`;
}

interface Prefix {
  address: ipaddr.IPv4 | ipaddr.IPv6;
  bits: number;
}

function parse(text: unknown): Prefix {
  if (typeof text !== 'string' || text === '') throw new Error('the address is missing');
  // ipaddr.js also reads 10.1, 0x0a000001 and 010.0.0.5 as inet_aton does: nobody means those.
  const v4 = ipaddr.IPv4.isValidFourPartDecimal(text) || /^\d+(\.\d+){3}\/\d{1,2}$/.test(text);
  const v6 = text.includes(':') && !text.includes('%');
  if (v4 || v6) {
    try {
      if (!text.includes('/')) {
        const address = ipaddr.parse(text);
        return { address, bits: address.kind() === 'ipv4' ? 32 : 128 };
      }
      if (v6 || ipaddr.IPv4.isValidCIDRFourPartDecimal(text)) {
        const [address, bits] = ipaddr.parseCIDR(text);
        return { address, bits };
      }
    } catch {
      // Said below, in our words.
    }
  }
  throw new Error(
    `${quote(text)} is not an IPv4 or IPv6 address or prefix, like 10.0.0.5, 10.0.0.0/24 or 2001:db8::/64`,
  );
}

const spell = (address: Prefix['address']): string =>
  address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString();

function networkAddress(address: Prefix['address'], bits: number): string {
  const prefix = `${address.toString()}/${bits}`;
  return address instanceof ipaddr.IPv6
    ? spell(ipaddr.IPv6.networkAddressFromCIDR(prefix))
    : spell(ipaddr.IPv4.networkAddressFromCIDR(prefix));
}

function refuseIfNobodys(text: string, address: Prefix['address']): void {
  const range = address.range();
  if (range === 'unspecified') {
    throw new Error(`no client has the address ${text}: for everyone use ${spell(address)}/0`);
  }
  if (range === 'multicast' || range === 'broadcast') {
    throw new Error(`no client has the address ${text}: it is a ${range} address`);
  }
}

const quote = (value: unknown): string => JSON.stringify(value) ?? String(value);
