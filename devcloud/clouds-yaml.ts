import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Cloud } from './cloud.js';
import { isMissing } from './is-missing.js';
import { regionName } from './keystone/catalog.js';
import { randomSecret } from './keystone/secrets.js';

const passwordsFile = z.object({ admin: z.string(), hawser: z.string(), demo: z.string() });

export type Passwords = z.output<typeof passwordsFile>;

/** The passwords of the seeded users: random, and the same as long as the state is kept. */
export async function ensurePasswords(stateDir: string): Promise<Passwords> {
  const file = join(stateDir, 'passwords.json');
  try {
    return passwordsFile.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const made = { admin: randomSecret(), hawser: randomSecret(), demo: randomSecret() };
  await writeWhole(file, JSON.stringify(made));
  return made;
}

/** Rewritten at each start, as the port may be another. */
export async function writeCloudsYaml(cloud: Cloud, passwords: Passwords): Promise<string> {
  const entry = (username: string, project: string, password: string) => ({
    auth: {
      auth_url: `${cloud.url}/identity`,
      username,
      password,
      project_name: project,
      user_domain_name: 'Default',
      project_domain_name: 'Default',
    },
    region_name: regionName,
    identity_api_version: 3,
    volume_api_version: '3',
  });
  const clouds = {
    admin: entry('admin', 'admin', passwords.admin),
    hawser: entry('hawser', 'service', passwords.hawser),
    demo: entry('demo', 'demo', passwords.demo),
  };
  const file = join(cloud.stateDir, 'clouds.yaml');
  await writeWhole(file, stringify({ clouds }));
  return file;
}

/** Who reads it meanwhile sees the former content or the new one. */
async function writeWhole(file: string, content: string): Promise<void> {
  await writeFile(`${file}.new`, content, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
