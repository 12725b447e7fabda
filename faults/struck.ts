import type { CloudControl } from './control.js';

/** Which faults have struck, asked once for all who want to know at the same time. */
export class StruckFaults {
  readonly #control: CloudControl;
  #asking: Promise<Set<string>> | undefined;

  constructor(control: CloudControl) {
    this.#control = control;
  }

  async has(fault: string): Promise<boolean> {
    this.#asking ??= this.#control.struck().finally(() => (this.#asking = undefined));
    return (await this.#asking.catch(() => new Set<string>())).has(fault);
  }
}
