import { defaultOf, isRequired, optionGroups, type KnownOption } from './groups.js';
import { factsOf } from './option.js';

/** The tables of docs/configuration.md, in Markdown. */
export const optionTables = (): string =>
  optionGroups
    .map(({ title, options }) => {
      const rows = Object.entries(options).map(([name, schema]) =>
        row({ name, schema, ...factsOf(schema) }),
      );
      return [`### ${title}`, '', '| Option | Default | Meaning |', '|---|---|---|', ...rows].join(
        '\n',
      );
    })
    .join('\n\n');

const row = (known: KnownOption): string =>
  `| \`${known.name}\` | ${cell(defaultInWords(known))} | ${cell(meaningOf(known))} |`;

function defaultInWords(known: KnownOption): string {
  if (known.defaultInWords !== undefined) return known.defaultInWords;
  if (isRequired(known)) return 'must be set';
  const value = defaultOf(known);
  return value === undefined || value === null ? 'none' : `\`${inWords(value)}\``;
}

const inWords = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

function meaningOf({ meaning, noEffect, own, manilaDefault }: KnownOption): string {
  return [
    meaning,
    ...(noEffect === undefined ? [] : [`no effect: ${noEffect}`]),
    ...(own ? ["Hawser's own"] : []),
    ...(manilaDefault === undefined || noEffect !== undefined
      ? []
      : [`Manila's default: \`${String(manilaDefault)}\``]),
  ].join('. ');
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
