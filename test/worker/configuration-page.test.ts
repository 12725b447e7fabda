import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { configurationPage, withOptionTables } from '../../dev/write-configuration-page.js';
import { knownOptions } from '../../worker/options/groups.js';

test('the page of all options is up to date; `npm run docs:options` writes it', async () => {
  const page = await readFile(configurationPage, 'utf8');
  expect(page).toBe(await withOptionTables(page));
  for (const { name } of knownOptions) expect(page).toContain(`| \`${name}\``);
});
