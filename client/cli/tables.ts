import Table from 'cli-table3';

export interface Column<Row> {
  title: string;
  value: (row: Row) => string;
  /** May lose its end when the terminal is narrow. */
  mayShrink?: boolean;
}

const borders =
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right ' +
  'left left-mid mid mid-mid right right-mid middle';

const plain = {
  chars: Object.fromEntries(borders.split(' ').map((part) => [part, ''])),
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
};

/** Rows under titles, without lines; fits `width` when the columns that may shrink allow it. */
export function table<Row>(columns: Column<Row>[], rows: Row[], width = Infinity): string {
  const cells = rows.map((row) => columns.map((column) => printable(column.value(row))));
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  shrink(columns, widths, width);
  const drawn = new Table({ ...plain, head: columns.map(({ title }) => title) });
  drawn.push(...cells.map((line) => line.map((cell, at) => cut(cell, widths[at] ?? Infinity))));
  return withoutTrailingSpace(drawn.toString());
}

/** Names and values, one pair a line; a name is given once for several values. */
export function list(pairs: [name: string, ...values: string[]][]): string {
  const drawn = new Table(plain);
  for (const [name, ...values] of pairs) {
    values.forEach((value, at) => drawn.push([at === 0 ? name : '', printable(value)]));
  }
  return withoutTrailingSpace(drawn.toString());
}

function shrink<Row>(columns: Column<Row>[], widths: number[], width: number): void {
  const total = () => widths.reduce((sum, each) => sum + each + 2, -2);
  while (total() > width) {
    const widest = columns
      .map(({ mayShrink }, at) => ({ at, width: mayShrink ? (widths[at] ?? 0) : 0 }))
      .reduce((a, b) => (b.width > a.width ? b : a));
    if (widest.width <= 8) return;
    widths[widest.at] = widest.width - 1;
  }
}

/** Without what a terminal would obey, or write backwards; line breaks stay. */
export const printable = (text: string): string =>
  text.replaceAll(/[^\P{Cc}\n]|\p{Bidi_Control}/gu, '');

/** JSON that a terminal can be shown: the very same values, with what it would obey escaped. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replaceAll(
    /[\u007f-\u009f]|\p{Bidi_Control}/gu,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text;

const withoutTrailingSpace = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
