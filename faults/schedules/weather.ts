import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import type { Bench } from '../bench.js';
import type { Event } from '../kinds.js';
import { patiently } from './patiently.js';

/** How long the sky is clear at least after a worker was killed: lanes shall also get somewhere. */
const clearMs = 12_000;
/** How long a storm gathers; less than a held request is waited for. */
const gatheringMs = 1200;

const mutes: Event = 'kill the worker before it can tell';

interface Cloud {
  event: Event;
  /** The fault that holds the call. */
  fault: string;
}

/**
 * What happens to all lanes at once. A schedule says at which of its calls the worker dies; schedules that want it at about
 * the same time get the same kill, and the others suffer it wherever they are.
 */
export class Weather {
  readonly #bench: Bench;
  readonly #inTurn = pLimit(1);
  #gathering: { clouds: Cloud[]; over: Promise<void> } | undefined;
  #clearFrom = 0;
  kills = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  /** Until a kill may come: whoever plans one begins then, so that those of several lanes fall together. */
  async untilDue(): Promise<void> {
    while (Date.now() < this.#clearFrom) await sleep(this.#clearFrom - Date.now());
  }

  /** Lets it happen while the fault holds a call; returns when it is over. */
  async strike(event: Event, fault: string): Promise<void> {
    if (!event.startsWith('kill the worker')) return this.#inTurn(() => this.#suffer(event));
    this.#gathering ??= this.#gather();
    this.#gathering.clouds.push({ event, fault });
    return this.#gathering.over;
  }

  #gather(): { clouds: Cloud[]; over: Promise<void> } {
    const clouds: Cloud[] = [];
    const over = this.#inTurn(async () => {
      await sleep(gatheringMs);
      this.#gathering = undefined;
      const heard = clouds.filter(({ event }) => event === mutes);
      await this.#suffer(heard.length > 0 ? mutes : 'kill the worker', async () => {
        for (const { fault } of heard) await this.#bench.control.forget(fault);
      });
      this.kills += 1;
      this.#clearFrom = Date.now() + clearMs;
    });
    return { clouds, over };
  }

  async #suffer(event: Event, letGo?: () => Promise<void>): Promise<void> {
    await this.#bench.sufferings.suffer(event, letGo);
    // What was away answers again before anybody goes on.
    await patiently(async () => this.#bench.control.struck());
  }
}
