import pc from 'picocolors';

/** Tells the demo step by step, each with the time it took. */
export class Story {
  readonly #startedAt = Date.now();

  title(text: string): void {
    console.log(`\n${pc.bold(text)}\n`);
  }

  /** Does one step and says how it went; what it returns may add a line or two. */
  async step<T>(what: string, act: () => Promise<T>, say?: (result: T) => string[]): Promise<T> {
    const startedAt = Date.now();
    if (process.stdout.isTTY) process.stdout.write(`  …  ${what}\r`);
    try {
      const result = await act();
      console.log(`  ${pc.green('ok')} ${seconds(startedAt)}  ${what}`);
      for (const line of say?.(result) ?? []) this.note(line);
      return result;
    } catch (error) {
      console.log(`  ${pc.red('no')} ${seconds(startedAt)}  ${what}`);
      throw error;
    }
  }

  note(line: string): void {
    console.log(`              ${line}`);
  }

  command(line: string): void {
    this.note(pc.cyan(`$ ${line}`));
  }

  get elapsed(): string {
    return seconds(this.#startedAt).trim();
  }
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`.padStart(8);
}

/** A fact the demo must see, or it ends with an error. */
export function mustBe(seen: unknown, wanted: unknown, what: string): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: wanted ${b}, saw ${a}`);
}
