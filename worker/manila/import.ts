import { Document, isMap, type YAMLMap } from 'yaml';
import { findOption, knownOptions, type KnownOption } from '../options/groups.js';
import { interpolate, parseIni, type Section } from './ini.js';

/** A hawser.yaml made of a manila.conf, and what a person has to know of it. */
export interface Imported {
  yaml: string;
  notes: string[];
}

/** The file has nothing that could be taken over. */
export class NothingToImport extends Error {
  override readonly name = 'NothingToImport';
}

const genericDriver = 'manila.share.drivers.generic.GenericShareDriver';

/** What Manila reads of [DEFAULT] for every backend; all else it reads of a backend's own section only. */
const serviceWide = new Set([
  'host',
  'storage_availability_zone',
  'automatic_share_server_cleanup',
  'unused_share_server_cleanup_interval',
  'delete_share_server_with_last_share',
  'unmanage_remove_access_rules',
  'hook_drivers',
  'ovs_integration_bridge',
]);

/** Not options of a backend: they say which backends there are. */
const consumed = new Set(['enabled_share_backends', 'share_driver']);

/** What a reference may name that is seldom set. */
const manilaDefaults: Record<string, string> = { state_path: '/var/lib/manila' };

const credentials = ['nova', 'cinder', 'neutron', 'glance'];

type Values = Record<string, unknown>;

interface Conf {
  common: Section;
  sections: Map<string, Section>;
}

/**
 * Makes a hawser.yaml of a manila.conf: the backends of the generic driver that it enables, or those of them
 * that `only` names. Credentials are not taken over. Throws `IniError` or `NothingToImport`.
 */
export function importManilaConf(text: string, only?: string[]): Imported {
  const sections = parseIni(text);
  const conf: Conf = { common: sections.get('DEFAULT') ?? new Map<string, string>(), sections };
  const notes: string[] = [];
  const backends = wantedBackends(conf, notes, only);
  const document = new Document({
    defaults: takeOver(conf, 'DEFAULT', conf.common, notes),
    backends: Object.fromEntries(backends.map((name) => [name, backendOf(conf, name, notes)])),
  });
  document.commentBefore =
    ' Made of a manila.conf by `hawser config import`. Each backend needs os_cloud, or OS_*.';
  for (const name of backends) explainDefaults(document.getIn(['backends', name]), conf, name);
  notes.push(...notesOnCommon(conf, backends), ...notesOnSections(conf, backends));
  return { yaml: document.toString({ lineWidth: 0 }), notes };
}

function wantedBackends({ common, sections }: Conf, notes: string[], only?: string[]): string[] {
  const enabled = listOf(common.get('enabled_share_backends') ?? '');
  if (enabled.length === 0) {
    throw new NothingToImport('[DEFAULT] enabled_share_backends names no backend');
  }
  const strangers = (only ?? []).filter((name) => !enabled.includes(name));
  if (strangers.length > 0) {
    throw new NothingToImport(
      `enabled_share_backends does not name ${strangers.join(', ')}; it names ${enabled.join(', ')}`,
    );
  }
  const backends = (only ?? enabled).filter((name) => {
    const section = sections.get(name);
    if (!section) notes.push(`[${name}] is enabled and has no section: left out`);
    // The class that Manila takes without one is the generic driver's.
    const driver = section?.get('share_driver') ?? genericDriver;
    if (driver !== genericDriver) notes.push(`[${name}] is left out: its driver is ${driver}`);
    return section !== undefined && driver === genericDriver;
  });
  if (backends.length === 0) {
    throw new NothingToImport(
      `no enabled backend is one of the generic driver (${notes.join('; ')})`,
    );
  }
  return backends;
}

function backendOf(conf: Conf, name: string, notes: string[]): Values {
  const section = conf.sections.get(name) ?? new Map<string, string>();
  const unknown = [...section.keys()].filter((key) => !findOption(key) && !consumed.has(key));
  if (unknown.length > 0) {
    notes.push(`[${name}] has options that Hawser does not know, left out: ${unknown.join(', ')}`);
  }
  return {
    ...takeOver(conf, name, section, notes),
    ...Object.fromEntries(
      impliedBy(conf, section).map((known) => [known.name, known.manilaDefault]),
    ),
  };
}

/** Where Hawser's default is another than Manila's, Manila's is written out: what was, goes on. */
function impliedBy({ common }: Conf, section: Section): KnownOption[] {
  const handlesServers = toBoolean(section.get('driver_handles_share_servers') ?? 'true') ?? true;
  const narrower = ['backend_availability_zone', 'storage_availability_zone'];
  return knownOptions.filter(({ name, manilaDefault, noEffect }) => {
    if (manilaDefault === undefined || manilaDefault === null || noEffect !== undefined)
      return false;
    const names = narrower.includes(name) ? narrower : [name];
    const isSet = names.some((one) => section.has(one) || common.has(one));
    return !isSet && (handlesServers || name === 'storage_availability_zone');
  });
}

function explainDefaults(node: unknown, conf: Conf, name: string): void {
  if (!isMap(node)) return;
  const implied = impliedBy(conf, conf.sections.get(name) ?? new Map<string, string>());
  for (const pair of (node as YAMLMap<{ value: unknown }, { comment?: string } | null>).items) {
    if (pair.value && implied.some((known) => known.name === pair.key.value)) {
      pair.value.comment = " Manila's default";
    }
  }
}

function takeOver(conf: Conf, name: string, section: Section, notes: string[]): Values {
  const taken = [...section].flatMap(([key, text]): [string, unknown][] => {
    const known = findOption(key);
    if (!known || consumed.has(key)) return [];
    const value = interpolate(text, (other) => lookUp(conf, section, other));
    if (value === '') {
      notes.push(`[${name}] ${key} is empty: left out`);
      return [];
    }
    if (known.noEffect !== undefined) {
      notes.push(`[${name}] ${key} has no effect here: ${known.noEffect}`);
    }
    return [[key, typed(known, value)]];
  });
  return Object.fromEntries(taken);
}

/** As oslo.config looks: the section's own, then [DEFAULT], then what is built in. */
function lookUp({ common, sections }: Conf, section: Section, name: string): string | undefined {
  const [group, option] = name.split('.', 2);
  if (group !== undefined && option !== undefined) return sections.get(group)?.get(option);
  const known = findOption(name);
  const builtIn =
    known && known.noEffect === undefined ? known.schema.safeParse(undefined).data : undefined;
  return (
    section.get(name) ??
    common.get(name) ??
    (typeof builtIn === 'string' ? builtIn : manilaDefaults[name])
  );
}

/** The first reading of a text that the option takes; one that it never takes stays, for the check to refuse. */
function typed({ schema }: KnownOption, text: string): unknown {
  const readings: unknown[] = [text, toBoolean(text), toNumber(text), listOf(text), toRecord(text)];
  return readings.find((one) => one !== undefined && schema.safeParse(one).success) ?? text;
}

function toBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  if (['true', '1', 'on', 'yes'].includes(word)) return true;
  return ['false', '0', 'off', 'no'].includes(word) ? false : undefined;
}

const toNumber = (text: string): number | undefined =>
  /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;

const listOf = (text: string): string[] =>
  text
    .split(/[,\n]/)
    .map((word) => word.trim())
    .filter((word) => word !== '');

function toRecord(text: string): Record<string, string> | undefined {
  const pairs = listOf(text).map((pair) => /^([^=:]+)[=:](.+)$/.exec(pair));
  if (pairs.length === 0 || pairs.some((pair) => pair === null)) return undefined;
  return Object.fromEntries(pairs.map((pair) => [pair?.[1]?.trim(), pair?.[2]?.trim()]));
}

function notesOnCommon({ common }: Conf, backends: string[]): string[] {
  const keys = [...common.keys()].filter((key) => !consumed.has(key));
  const wider = keys.filter((key) => findOption(key) && !serviceWide.has(key));
  // Names only: among them are passwords.
  const others = keys.filter((key) => !findOption(key));
  return [
    ...wider.map(
      (key) =>
        `[DEFAULT] ${key} counts for ${backends.join(' and ')} now; Manila reads it of a backend's own section only`,
    ),
    ...(others.length > 0
      ? [`[DEFAULT] has options of Manila's own services, left out: ${others.join(', ')}`]
      : []),
  ];
}

function notesOnSections({ sections }: Conf, backends: string[]): string[] {
  const present = credentials.filter((name) => sections.has(name));
  const others = [...sections.keys()].filter(
    (name) => name !== 'DEFAULT' && !backends.includes(name) && !credentials.includes(name),
  );
  return [
    howToLogIn(present),
    ...(others.length > 0 ? [`sections that nothing was taken of: ${others.join(', ')}`] : []),
  ];
}

function howToLogIn(sections: string[]): string {
  const source =
    sections.length > 0 ? sections.map((name) => `[${name}]`).join(', ') : 'manila.conf';
  return (
    `credentials are not taken over. Put those of ${source} (auth_url, username, password, project_name, ` +
    'user_domain_name, project_domain_name; region_name) into clouds.yaml under ' +
    'clouds: NAME: auth:, region_name beside auth, and set os_cloud: NAME here'
  );
}
