/** Options of one section as they were written, the last of several equal ones. */
export type Section = Map<string, string>;

/** A file that oslo.config would not read either; `line` counts from 1. */
export class IniError extends Error {
  override readonly name = 'IniError';

  constructor(line: number, detail: string) {
    super(`line ${line}: ${detail}`);
  }
}

/**
 * Reads an INI file in oslo.config's dialect: `=` or `:` between key and value, whichever is first; lines that
 * begin with a space go on with the value before; `#` and `;` begin a comment at the start of a line only; one
 * pair of quotes around a value is taken off; `-` in a key is `_`; `%` means nothing.
 */
export function parseIni(text: string): Map<string, Section> {
  const sections = new Map<string, Section>();
  let section: Section | undefined;
  let key: string | undefined;
  for (const [at, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trimEnd();
    if (line === '') {
      key = undefined;
    } else if (/^[ \t]/.test(line)) {
      if (key === undefined)
        throw new IniError(at + 1, 'it goes on with a value, and there is none');
      section?.set(key, `${section.get(key) ?? ''}\n${line.trim()}`);
    } else if (line.startsWith('[')) {
      key = undefined;
      section = openSection(sections, line, at + 1);
    } else if (!/^[#;]/.test(line)) {
      const entry = splitEntry(line, at + 1);
      if (section === undefined)
        throw new IniError(at + 1, 'an option stands before any [section]');
      ({ key } = entry);
      section.set(key, entry.value);
    } else {
      key = undefined;
    }
  }
  return sections;
}

function openSection(sections: Map<string, Section>, line: string, at: number): Section {
  const name = /^\[([^\]]+)\]$/.exec(line)?.[1]?.trim();
  if (!name) throw new IniError(at, `${line} is no section: [NAME] expected`);
  const section = sections.get(name) ?? new Map<string, string>();
  sections.set(name, section);
  return section;
}

function splitEntry(line: string, at: number): { key: string; value: string } {
  const [, key = '', rest = ''] = /^([^=:]*)[=:](.*)$/.exec(line) ?? [];
  if (key.trim() === '') throw new IniError(at, `${line} is no option: NAME = VALUE expected`);
  const value = rest.trim();
  const quoted = value.length > 1 && /^["']/.test(value) && value.at(0) === value.at(-1);
  return {
    key: key.trim().replaceAll('-', '_'),
    value: quoted ? value.slice(1, -1) : value,
  };
}

/**
 * Puts the values of other options in the place of `$name`, `${name}` and `$section.name`, as oslo.config does;
 * `$$` and `\$` are a plain dollar. A name that nobody knows stays as it is, and so does one within its own value.
 */
export function interpolate(text: string, lookUp: (name: string) => string | undefined): string {
  return replaced(text, lookUp, { within: [], left: MAX_REFERENCES });
}

/** More than anybody writes: values that name each other several times would grow beyond all bounds. */
const MAX_REFERENCES = 1000;

interface Expansion {
  within: string[];
  left: number;
}

function replaced(
  text: string,
  lookUp: (name: string) => string | undefined,
  expansion: Expansion,
): string {
  const { within } = expansion;
  const reference = /\\\$|\$\$|\$\{([A-Za-z_][\w.]*)\}|\$([A-Za-z_]\w*(?:\.\w+)*)/g;
  return text.replaceAll(reference, (whole, braced?: string, bare?: string) => {
    const name = braced ?? bare;
    if (name === undefined) return '$';
    const value = within.includes(name) || expansion.left <= 0 ? undefined : lookUp(name);
    if (value === undefined) return whole;
    expansion.left -= 1;
    within.push(name);
    const inner = replaced(value, lookUp, expansion);
    within.pop();
    return inner;
  });
}
