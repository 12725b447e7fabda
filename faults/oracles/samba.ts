/** A section of Samba's configuration: its parameters by the names that smb.conf(5) gives them. */
type Section = Map<string, string>;

/** Other names of parameters; those of `opposites` say the contrary. */
const synonyms: Record<string, string> = {
  'allow hosts': 'hosts allow',
  'deny hosts': 'hosts deny',
  public: 'guest ok',
  'only guest': 'guest only',
  directory: 'path',
};
const opposites = new Set(['writeable', 'writable', 'write ok']);

/** Whoever it is. */
const everybody = '*';

/**
 * Who gets into a share, as Samba would decide by its registry (`net conf list`): each as `WHO rw|ro`, sorted. WHO is a host
 * where no password is asked for, a user where users may come from anywhere, `*` for all of either, and `USER@HOST` where both
 * count. What the machine itself may by its loopback is left out.
 */
export function whoGetsIn(registry: string, shareName: string): string[] {
  const sections = sectionsOf(registry);
  const global = sections.get('global') ?? new Map<string, string>();
  const own = sections.get(shareName.toLowerCase());
  const path = own?.get('path');
  // A file system may be open by another name too.
  const serving = [...sections].filter(
    ([name, section]) =>
      section === own || (name !== 'global' && path && section.get('path') === path),
  );
  return [...new Set(serving.flatMap(([, section]) => entriesOf(section, global)))].toSorted();
}

function entriesOf(section: Section, global: Section): string[] {
  // What a section does not say is as in [global], if it says it.
  const value = (key: string) => section.get(key) ?? global.get(key) ?? '';
  const yes = (key: string, otherwise: boolean) => truth(value(key)) ?? otherwise;
  const list = (key: string) => wordsIn(value(key));
  if (!yes('available', true)) return [];

  const hosts = hostsOf(list('hosts allow'), list('hosts deny'));
  const readOnly = yes('read only', true);
  const guests = yes('guest ok', false);
  const [valid, invalid] = [list('valid users'), list('invalid users')];
  const [readers, writers] = [list('read list'), list('write list')];
  // "If a user is in both the read list and the write list then they will be given write access."
  const levelOf = (user: string) =>
    writers.includes(user) || list('admin users').includes(user)
      ? 'rw'
      : readOnly || readers.includes(user)
        ? 'ro'
        : 'rw';
  const named = (users: string[]) =>
    users
      .filter((user) => !invalid.includes(user))
      .flatMap((user) =>
        hosts.map((host) => `${host === everybody ? user : `${user}@${host}`} ${levelOf(user)}`),
      );

  // A guest is no user that a list names: any list of valid users keeps them out.
  if (valid.length > 0) return named(valid);
  const level = readOnly ? 'ro' : 'rw';
  if (guests) {
    const more = yes('guest only', false) ? [] : named([...readers, ...writers]);
    return [...hosts.map((host) => `${host} ${level}`), ...more];
  }
  return [
    ...hosts.map((host) => `${host === everybody ? everybody : `${everybody}@${host}`} ${level}`),
    ...named([...readers, ...writers]),
  ];
}

/** As libsmb's `allow_access`: who is allowed gets in whatever is denied; who is neither, where nothing keeps others out. */
function hostsOf(allowed: string[], denied: string[]): string[] {
  const isAll = (to: string) => /^all$/i.test(to);
  const deniesAll = denied.some(isAll) && !denied.some((word) => /^except$/i.test(word));
  const closed = denied.length === 0 ? allowed.length > 0 : deniesAll;
  if (!closed || allowed.some(isAll)) return [everybody];
  return allowed.filter((to) => !/^(127\.|::1$|localhost$)/i.test(to));
}

/** By their names in small letters, for Samba does not tell them apart. */
function sectionsOf(registry: string): Map<string, Section> {
  const sections = new Map<string, Section>();
  let section: Section = new Map();
  for (const line of registry.split('\n').map((text) => text.trim())) {
    const name = /^\[(.*)\]$/.exec(line)?.[1];
    if (name !== undefined) {
      const known = sections.get(name.toLowerCase());
      section = known ?? new Map<string, string>();
      sections.set(name.toLowerCase(), section);
      continue;
    }
    const [, key = '', value = ''] = /^([^#;=][^=]*?)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === '') continue;
    const given = key.toLowerCase().replaceAll(/\s+/g, ' ');
    if (opposites.has(given)) section.set('read only', truth(value) === true ? 'no' : 'yes');
    else section.set(synonyms[given] ?? given, value);
  }
  return sections;
}

function truth(value: string): boolean | undefined {
  if (/^(yes|true|on|1)$/i.test(value.trim())) return true;
  return /^(no|false|off|0)$/i.test(value.trim()) ? false : undefined;
}

/** Apart by blanks or commas; a quoted one may have some. */
const wordsIn = (value: string): string[] =>
  [...value.matchAll(/"([^"]*)"|[^\s,"]+/g)].map(([word, inner]) => inner ?? word);
