import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format } from 'prettier';
import { project } from '../setup/tools.mjs';
import { optionTables } from '../worker/options/page.js';

export const configurationPage = join(project, 'docs/configuration.md');

const between = /(?<=<!-- options: npm run docs:options -->\n)[^]*(?=<!-- end of options -->)/;

/** The page with the options that there are now; what people wrote around them stays. */
export const withOptionTables = async (page: string): Promise<string> =>
  format(
    page.replace(between, () => `\n${optionTables()}\n\n`),
    { parser: 'markdown', printWidth: 100, singleQuote: true },
  );

if (process.argv[1]?.endsWith('write-configuration-page.ts')) {
  await writeFile(
    configurationPage,
    await withOptionTables(await readFile(configurationPage, 'utf8')),
  );
}
