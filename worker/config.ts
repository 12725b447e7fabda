import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { interfaceConflicts } from './interface-options.js';
import { groupConflicts, instanceProblems } from './options/instance-options.js';
import { commonServerProblems } from './options/common-server-options.js';
import { backendShape, findOption, knownOptions } from './options/groups.js';
import { nearestName } from './options/nearest-name.js';

/** hawser.yaml is not as it should be; `problems` names every mistake with its key. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly file: string;
  readonly problems: string[];

  constructor(file: string, problems: string[]) {
    super([`${file} is not usable:`, ...problems.map((problem) => `  ${problem}`)].join('\n'));
    this.file = file;
    this.problems = problems;
  }
}

/** Manila's options by Manila's names and with its defaults, then Hawser's own. */
const backendSchema = z.strictObject(backendShape).superRefine((options, context) => {
  if (options.ssh_proxy !== undefined && options.interface_driver !== 'noop') {
    context.addIssue({
      code: 'custom',
      path: ['ssh_proxy'],
      message: `makes no sense with interface_driver ${options.interface_driver}: the host is in the service network itself`,
    });
  }
  for (const { option, message } of instanceProblems(options)) {
    context.addIssue({ code: 'custom', path: [option], message });
  }
  const prefix = Number(options.service_network_cidr.split('/')[1]);
  if (options.service_network_division_mask < prefix) {
    context.addIssue({
      code: 'custom',
      path: ['service_network_division_mask'],
      message: `must not be below the prefix of service_network_cidr (${prefix})`,
    });
  }
});

export type BackendConfig = z.infer<typeof backendSchema> & { name: string };

const optionValues = z.record(z.string(), z.unknown());

const fileSchema = z.strictObject({
  defaults: optionValues.nullable().default({}),
  backends: z.record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, dots and dashes expected'),
    optionValues.nullable(),
  ),
});

type Values = Record<string, unknown>;

/** What hawser.yaml says itself, before anything is checked or filled in. */
export interface ConfigText {
  defaults: Values;
  backends: Record<string, Values>;
}

/** What is to be said of a hawser.yaml. */
export interface ConfigReport {
  /** The backends without mistakes. */
  configs: BackendConfig[];
  /** Every mistake, with its key. */
  problems: string[];
  /** What is no mistake and may surprise all the same: options without effect. */
  notes: string[];
}

/** Reads hawser.yaml as it is. Throws a `ConfigError` when it cannot be read or has another shape. */
export function readConfig(file: string): ConfigText {
  return parseConfig(file, readText(file));
}

/** The same for a text; `file` is what errors call it. */
export function parseConfig(file: string, text: string): ConfigText {
  const parsed = fileSchema.safeParse(parseYaml(file, text));
  if (!parsed.success) throw new ConfigError(file, parsed.error.issues.map(describeShape));
  const backends = Object.entries(parsed.data.backends);
  return {
    defaults: parsed.data.defaults ?? {},
    backends: Object.fromEntries(backends.map(([name, own]) => [name, own ?? {}])),
  };
}

/** Checks the backends named by `only`, all without it: a backend's own options count before `defaults`. */
export function checkConfig({ defaults, backends }: ConfigText, only?: string[]): ConfigReport {
  const wanted = only ?? Object.keys(backends);
  const served = Object.entries(backends).filter(([name]) => wanted.includes(name));
  const results = served.map(([name, own]) => {
    const checked = backendSchema.safeParse({ ...defaults, ...own });
    const problems = commonServerProblems(name, { ...defaults, ...own }, own);
    return checked.success
      ? { config: { ...complete(checked.data), name }, problems }
      : {
          config: undefined,
          problems: [...describe(checked.error, { name, own, defaults }), ...problems],
        };
  });
  const configs = results.flatMap(({ config }) => (config ? [config] : []));
  const problems = [
    ...unknownBackends(wanted, Object.keys(backends)),
    ...results.flatMap((result) => result.problems),
    ...interfaceConflicts(configs),
    ...groupConflicts(configs),
  ];
  if (Object.keys(backends).length === 0) problems.push('backends: at least one backend expected');
  // What is wrong in the defaults is wrong once, however many backends it reaches.
  return { configs, problems: [...new Set(problems)], notes: effectless({ defaults, backends }) };
}

/** Reads hawser.yaml. Throws a `ConfigError` that lists every mistake in the backends named by `only`. */
export function loadConfig(file: string, only?: string[]): BackendConfig[] {
  const { configs, problems } = checkConfig(readConfig(file), only);
  if (problems.length > 0) throw new ConfigError(file, problems);
  return configs;
}

/** Where two options are for one thing, the narrower one counts, as in Manila. */
const complete = (options: z.infer<typeof backendSchema>): z.infer<typeof backendSchema> => ({
  ...options,
  host: options.service_network_host ?? options.host,
  storage_availability_zone: options.backend_availability_zone ?? options.storage_availability_zone,
});

const unknownBackends = (wanted: string[], known: string[]): string[] =>
  wanted
    .filter((name) => !known.includes(name))
    .map((name) => `backends.${name}: there is no such backend; there are: ${known.join(', ')}`);

function effectless({ defaults, backends }: ConfigText): string[] {
  const notesOn = (prefix: string, values: Values) =>
    Object.keys(values).flatMap((name) => {
      const reason = findOption(name)?.noEffect;
      return reason === undefined ? [] : [`${prefix}.${name} has no effect: ${reason}`];
    });
  return [
    ...notesOn('defaults', defaults),
    ...Object.entries(backends).flatMap(([name, own]) => notesOn(`backends.${name}`, own)),
  ];
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(file, [`it can't be read: ${reason}`]);
  }
}

function parseYaml(file: string, text: string): unknown {
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    throw new ConfigError(
      file,
      document.errors.map(({ message }) => message),
    );
  }
  try {
    return document.toJS() ?? {};
  } catch (error) {
    // Aliases are followed only now: one of nothing, or of too much.
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(file, [reason]);
  }
}

const describeShape = (issue: z.core.$ZodIssue): string =>
  issue.code === 'unrecognized_keys'
    ? `${issue.keys.join(', ')}: only \`defaults\` and \`backends\` are expected at the top`
    : `${issue.path.join('.')}: ${issue.message}`;

interface Named {
  name: string;
  own: Values;
  defaults: Values;
}

function describe(error: z.ZodError, { name, own, defaults }: Named): string[] {
  const place = (key: string) =>
    key in defaults && !(key in own) ? `defaults.${key}` : `backends.${name}.${key}`;
  const given = (key: string) => own[key] ?? defaults[key];
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${place(key)}: no such option${suggestion(key)}`);
    }
    const [key = '', ...rest] = issue.path.map(String);
    if (given(key) === undefined && issue.code === 'invalid_type') {
      return [`${place(key)}: has to be set: ${findOption(key)?.meaning ?? issue.message}`];
    }
    return [`${[place(key), ...rest].join('.')}: ${issue.message}`];
  });
}

function suggestion(key: string): string {
  const names = knownOptions.map(({ name }) => name);
  const nearest = nearestName(key, names);
  return nearest === undefined ? '' : `; did you mean ${nearest}?`;
}
