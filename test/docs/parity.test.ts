import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Row {
  /** The method, option or defect of the original. */
  name: string;
  cells: string[];
  /** `` `file` › title ``, several with `<br>` between them. */
  shownBy: string;
}

/** The rows of every table of a page; a cell's own bars are written `\|`. */
function rowsOf(page: string): Row[] {
  return readFileSync(`${root}/docs/${page}`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\|[\s|:-]+\|$/.test(line))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')))
    .filter(([, name]) => name !== 'Manila' && name !== '#')
    .map(([, name = '', ...cells]) => ({
      name,
      cells,
      shownBy: cells.at(-2) ?? '',
    }));
}

function problemOf(reference: string): string | undefined {
  const [, file, title] = /^`(test\/[^`]+)` › (.+)$/.exec(reference) ?? [];
  if (!file || !title) return `not of the form \`file\` › title: ${reference}`;
  if (!existsSync(`${root}/${file}`)) return `no such file: ${file}`;
  const source = readFileSync(`${root}/${file}`, 'utf8');
  const spelled = [title, title.replaceAll("'", "\\'"), title.replaceAll('`', '\\`')];
  return spelled.some((one) => source.includes(one)) ? undefined : `${file} has no test: ${title}`;
}

describe.each(['parity.md', 'defects.md'])('docs/%s', (page) => {
  const rows = rowsOf(page);

  test('has rows', () => expect(rows.length).toBeGreaterThan(10));

  test('names nothing twice', () => {
    const names = rows.map(({ name }) => name);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });

  test.each(rows)('$name is shown by tests that exist, or left out for a reason', (row) => {
    if (row.cells.some((cell) => /^Left out: .{20,}/.test(cell))) return;
    const references = row.shownBy.split('<br>').map((one) => one.trim());
    expect(references.flatMap((one) => problemOf(one) ?? [])).toEqual([]);
  });
});
