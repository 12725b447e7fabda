import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { YAMLParseError, parse } from 'yaml';
import { z } from 'zod';
import { CloudConfigError } from './errors.js';

export interface Places {
  cwd: string;
  home: string;
  env: Record<string, string | undefined>;
}

export type Value = string | Value[] | Tree;

export interface Tree {
  [key: string]: Value;
}

// Every value is read as the text that stands there: `password: 0123` is no number.
const value: z.ZodType<Value> = z.lazy(() => z.union([z.string(), z.array(value), tree]));
const tree: z.ZodType<Tree> = z.record(z.string(), value);
const cloudsFile = z.object({ clouds: z.record(z.string(), tree) });
const secureFile = z.object({ clouds: z.record(z.string(), tree).default({}) });
const vendorFile = z.object({ 'public-clouds': z.record(z.string(), tree) });

/** The clouds of the first clouds.yaml there is, completed by secure.yaml. */
export function readClouds(places: Places): { file: string; clouds: Record<string, Tree> } {
  const file = firstFile('clouds', places, nonEmpty(places.env['OS_CLIENT_CONFIG_FILE']));
  if (file === undefined) {
    const detail =
      `no clouds.yaml in ${directories(places).join(', ')} and no OS_* variables: ` +
      `write one, or source the project's openrc file`;
    throw new CloudConfigError({ file: 'clouds.yaml', detail });
  }
  const { clouds } = readYaml(file, cloudsFile);
  const secure = firstFile('secure', places, nonEmpty(places.env['OS_CLIENT_SECURE_FILE']));
  if (secure === undefined) return { file, clouds };
  const merged = mergeTrees(clouds, readYaml(secure, secureFile).clouds);
  return { file, clouds: z.record(z.string(), tree).parse(merged) };
}

/** What clouds-public.yaml says of a vendor, if there is such a file and it knows the vendor. */
export function readProfile(profile: string, places: Places): Tree | undefined {
  const file = firstFile('clouds-public', places);
  return file === undefined ? undefined : readYaml(file, vendorFile)['public-clouds'][profile];
}

const directories = ({ cwd, home }: Places): string[] => [
  cwd,
  join(home, '.config', 'openstack'),
  '/etc/openstack',
];

/** A file named explicitly must be there. */
function firstFile(stem: string, places: Places, explicit?: string): string | undefined {
  if (explicit !== undefined) return explicit;
  return directories(places)
    .flatMap((directory) => ['yaml', 'yml', 'json'].map((end) => join(directory, `${stem}.${end}`)))
    .find((file) => existsSync(file));
}

function readYaml<T>(file: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(readFailsafe(file));
  if (parsed.success) return parsed.data;
  throw new CloudConfigError({ file, detail: z.prettifyError(parsed.error) });
}

function readFailsafe(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'), { schema: 'failsafe', merge: true });
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) {
      throw new CloudConfigError({ file, detail: 'it cannot be read', cause });
    }
    // The parser's own message quotes the line, which may hold a password.
    const [at] = cause.linePos ?? [];
    const where = at === undefined ? '' : ` at line ${at.line}, column ${at.col}`;
    throw new CloudConfigError({ file, detail: `it is no YAML: ${cause.code}${where}` });
  }
}

/** `above` wins. */
export function mergeTrees(below: Tree, above: Tree): Tree {
  const merged = { ...below };
  for (const [key, over] of Object.entries(above)) {
    const under = merged[key];
    merged[key] = isTree(over) && isTree(under) ? mergeTrees(under, over) : over;
  }
  return merged;
}

export const isTree = (node: Value | undefined): node is Tree =>
  typeof node === 'object' && !Array.isArray(node);

export const nonEmpty = (text: string | undefined): string | undefined =>
  text === '' ? undefined : text;
