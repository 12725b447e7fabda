import { closeSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from './is-missing.js';

interface Row {
  id: string;
}

type Change = [collection: string, id: string, row: Row | null];

/** Rows are values: change one by putting a new one in its place. */
export class Collection<T extends Row> {
  readonly #rows: Map<string, T>;
  readonly #record: (id: string, row: T | null) => void;
  readonly #watchers: (() => void)[] = [];

  constructor(rows: Map<string, T>, record: (id: string, row: T | null) => void) {
    this.#rows = rows;
    this.#record = (id, row) => {
      record(id, row);
      for (const changed of this.#watchers) changed();
    };
  }

  /** `changed` is called after each change, and must be quick. */
  watch(changed: () => void): void {
    this.#watchers.push(changed);
  }

  get(id: string): T | undefined {
    return this.#rows.get(id);
  }

  /** In the order of creation. */
  all(): T[] {
    return [...this.#rows.values()];
  }

  where(wanted: (row: T) => boolean): T[] {
    return this.all().filter(wanted);
  }

  find(wanted: (row: T) => boolean): T | undefined {
    return this.all().find(wanted);
  }

  put(row: T): T {
    this.#rows.set(row.id, row);
    this.#record(row.id, row);
    return row;
  }

  /** Returns undefined, and does nothing, when the row is gone. */
  update(id: string, changes: Partial<T>): T | undefined {
    const row = this.#rows.get(id);
    return row && this.put({ ...row, ...changes });
  }

  delete(id: string): void {
    if (this.#rows.delete(id)) this.#record(id, null);
  }
}

const compactAfterChanges = 20_000;

/**
 * All state of the cloud, in memory and in one journal. What one turn of the event loop changes is
 * written as one line, before anyone is answered: after `kill -9` either all of it is there or nothing.
 */
export class Store {
  readonly #file: string;
  readonly #collections = new Map<string, Map<string, Row>>();
  #journal: number;
  #pending: Change[] = [];
  #changes = 0;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#file = join(directory, 'state.jsonl');
    this.#load();
    this.#journal = this.#compact();
  }

  collection<T extends Row>(name: string): Collection<T> {
    // Only this program writes the journal, and each name has one type in `tables.ts`.
    const rows = this.#rows(name) as Map<string, T>;
    return new Collection(rows, (id, row) => this.#change([name, id, row]));
  }

  /** Called before an answer leaves; otherwise changes are written when the current code returns. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const changes = this.#pending;
    this.#pending = [];
    this.#changes += changes.length;
    writeSync(this.#journal, `${JSON.stringify(changes)}\n`);
    if (this.#changes > compactAfterChanges) {
      closeSync(this.#journal);
      this.#journal = this.#compact();
    }
  }

  close(): void {
    this.flush();
    closeSync(this.#journal);
  }

  #change(change: Change): void {
    if (this.#pending.push(change) === 1) queueMicrotask(() => this.flush());
  }

  #rows(name: string): Map<string, Row> {
    let rows = this.#collections.get(name);
    if (!rows) this.#collections.set(name, (rows = new Map()));
    return rows;
  }

  #load(): void {
    for (const line of readIfThere(this.#file).split('\n')) {
      for (const [name, id, row] of parseLine(line)) {
        if (row) this.#rows(name).set(id, row);
        else this.#rows(name).delete(id);
      }
    }
  }

  /** Rewrites the journal as it would be without history, and leaves it open for more. */
  #compact(): number {
    const rows = [...this.#collections].flatMap(([name, map]) =>
      [...map].map(([id, row]): Change => [name, id, row]),
    );
    const beside = `${this.#file}.new`;
    const journal = openSync(beside, 'w', 0o600);
    for (const change of rows) writeSync(journal, `${JSON.stringify([change])}\n`);
    renameSync(beside, this.#file);
    this.#changes = 0;
    return journal;
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

/** A last line cut short by a kill was never answered for, so it counts as not there. */
function parseLine(line: string): Change[] {
  try {
    return line === '' ? [] : (JSON.parse(line) as Change[]);
  } catch {
    return [];
  }
}
