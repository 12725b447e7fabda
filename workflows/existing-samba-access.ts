/** Who is let in to a share of Samba's that was there before, as pure functions. */
import { addressOf, type ExistingAccess } from './existing-access.js';
import type { AccessLevel } from './model.js';
import { canonicalSubject } from './validation.js';

/** By lower-case name; what is not there is as Samba has it by default. */
type Section = Map<string, string>;

/** Of a section as `net conf showshare` shows it. */
export function accessOfSection(text: string): ExistingAccess {
  const section: Section = new Map(
    text.split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      const key = line.slice(0, Math.max(at, 0)).trim();
      return key === '' || /[[#;]/.test(key) ? [] : [parameterOf(key, line.slice(at + 1).trim())];
    }),
  );
  // A guest is let in by his address, who is none logs in.
  const access = isOn(section, 'guest ok') ? accessByAddress(section) : accessByUser(section);
  for (const key of elsewhere) {
    access.obstacles.push(...obstacleOf(section, key, 'part of it is elsewhere, write it out'));
  }
  return isOff(section, 'available') ? { ...access, rules: [] } : access;
}

const isOn = (section: Section, key: string): boolean =>
  /^(yes|true|1|on)$/i.test(section.get(key) ?? '');
const isOff = (section: Section, key: string): boolean =>
  /^(no|false|0|off)$/i.test(section.get(key) ?? '');
/** Of a list; other blanks than these are to Samba part of a word. */
const wordsOf = (section: Section, key: string): string[] =>
  (section.get(key) ?? '').split(/[ \t\r,]+/).filter(Boolean);

const usualParameters = [
  'path',
  'read only',
  'guest ok',
  'guest only',
  'browseable',
  'hosts allow',
  'hosts deny',
  'available',
  'valid users',
  'read list',
  'write list',
  'invalid users',
  'admin users',
];

/** What they bring in, nobody can see here. */
const elsewhere = ['copy', 'include'];

/** Samba's other names for what counts here; it minds neither case nor blanks in a name. */
const names = new Map(
  [
    ...[...usualParameters, ...elsewhere].map((name) => [name, name] as const),
    ['allow hosts', 'hosts allow'] as const,
    ['deny hosts', 'hosts deny'] as const,
    ['public', 'guest ok'] as const,
    ['only guest', 'guest only'] as const,
    ['browsable', 'browseable'] as const,
    ['directory', 'path'] as const,
  ].map(([name, usual]) => [name.replaceAll(' ', ''), usual]),
);

/** A parameter as it counts: `writeable = yes` is `read only = no`. */
function parameterOf(key: string, value: string): [name: string, value: string] {
  const bare = key.toLowerCase().replaceAll(/\s/g, '');
  if (/^(writeable|writable|writeok)$/.test(bare)) {
    return ['read only', /^(yes|true|1|on)$/i.test(value) ? 'no' : 'yes'];
  }
  return [names.get(bare) ?? key.toLowerCase(), value];
}

const notesOn = (section: Section, ours: Record<string, string> = {}): string[] =>
  [...section]
    .filter(
      ([key, value]) => ![...usualParameters, ...elsewhere].includes(key) && ours[key] !== value,
    )
    .map(([key, value]) => `the share had ${key} = ${value}, which Hawser does not keep`);

const obstacleOf = (section: Section, key: string, why: string): string[] =>
  wordsOf(section, key).length > 0 ? [`${why} (${key} = ${section.get(key)})`] : [];

const tellsApart = 'it tells its users apart, and rules do not';

function accessByAddress(section: Section): ExistingAccess {
  const { addresses, obstacles } = hostsIn(section);
  for (const key of ['valid users', 'invalid users', 'read list', 'write list', 'admin users']) {
    obstacles.push(...obstacleOf(section, key, tellsApart));
  }
  // Samba's own default is read only.
  if (!isOff(section, 'read only')) {
    obstacles.push('it is read only, and rules for addresses give rw: set read only = no');
  }
  return {
    accessBy: 'ip',
    rules: addresses.map((to) => ({ to, level: 'rw' })),
    obstacles,
    notes: notesOn(section),
  };
}

function accessByUser(section: Section): ExistingAccess {
  const obstacles = [
    ...['hosts allow', 'hosts deny'].flatMap((key) =>
      obstacleOf(
        section,
        key,
        'its clients log in and their addresses count too, but rules name either: clear this one, or set guest ok = yes',
      ),
    ),
    ...['invalid users', 'admin users'].flatMap((key) => obstacleOf(section, key, tellsApart)),
    ...['valid users', 'read list', 'write list'].flatMap((key) =>
      wordsOf(section, key)
        .filter((word) => userOf(word) === undefined)
        .map((word) => `its ${key} have ${word}, and rules are for users one by one`),
    ),
  ];
  const valid = wordsOf(section, 'valid users');
  // To Samba an empty list is everybody.
  if (valid.length === 0 && !isOff(section, 'available')) {
    obstacles.push('it lets in whoever can log in: say in valid users who may come in');
  }
  const named = (key: string) => new Set(wordsOf(section, key).map(oneCase));
  const [readers, writers] = [named('read list'), named('write list')];
  const levelOf = (user: string): AccessLevel => {
    if (writers.has(user)) return 'rw';
    return readers.has(user) || !isOff(section, 'read only') ? 'ro' : 'rw';
  };
  // Looked up, since a list may be so long that a workflow had no time for each user to look at all others.
  const users = new Map<string, string>();
  for (const to of valid) if (!users.has(oneCase(to))) users.set(oneCase(to), to);
  return {
    accessBy: 'user',
    rules: [...users].map(([user, to]) => ({ to, level: levelOf(user) })),
    obstacles,
    notes: notesOn(section, { 'create mask': '0755' }),
  };
}

/** Samba does not tell `Alice` from `alice`. */
const oneCase = (user: string): string => user.toLowerCase();

/** Undefined for groups, patterns and names that no rule can have. */
function userOf(word: string): string | undefined {
  try {
    return canonicalSubject('user', word);
  } catch {
    return undefined;
  }
}

function hostsIn(section: Section): { addresses: string[]; obstacles: string[] } {
  const allow = wordsOf(section, 'hosts allow');
  const deny = section.get('hosts deny')?.trim() ?? '';
  const deniesAll = /^(ALL|0\.0\.0\.0\/0)$/i.test(deny);
  // To Samba an empty list is none.
  if (allow.length === 0 && deny === '') return { addresses: everyone, obstacles: [] };
  const obstacles: string[] = [];
  if (deny !== '' && !deniesAll) {
    obstacles.push(`it shuts out some (hosts deny = ${deny}): say in hosts allow who may come in`);
  }
  const addresses = allow.flatMap((word) => {
    if (/^localhost$/i.test(word)) return [];
    if (/^ALL$/i.test(word)) return everyone;
    // What NFS calls everyone is to Samba a name that nobody has.
    const to = /^[\d.:a-f/]+$/i.test(word) ? addressOf(beginningOf(word)) : undefined;
    if (to === undefined) {
      obstacles.push(`it lets in ${word} (hosts allow), and rules are for addresses and prefixes`);
    }
    return to === undefined || isThisHost(to) ? [] : [to];
  });
  return { addresses: [...new Set(addresses)], obstacles };
}

const everyone = ['0.0.0.0/0', '::/0'];

/** Of an address or prefix in canonical form: `127.0.0.1/1` is half of the world, and spelled `0.0.0.0/1`. */
const isThisHost = (to: string): boolean => to.startsWith('127.') || to === '::1';

/** Samba takes `10.0.` for all addresses that begin so. */
function beginningOf(word: string): string {
  if (!/^(\d+\.){1,3}$/.test(word)) return word;
  const parts = word.split('.').filter(Boolean);
  const address = [...parts, '0', '0', '0'].slice(0, 4).join('.');
  return `${address}/${parts.length * 8}`;
}
