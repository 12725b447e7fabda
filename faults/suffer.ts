import { setTimeout as sleep } from 'node:timers/promises';
import type { EmbeddedEnvironment } from '../dev/environment.js';
import type { CloudControl } from './control.js';
import type { Event } from './kinds.js';
import type { WorkerLine } from './worker-line.js';

interface Parts {
  environment: EmbeddedEnvironment;
  control: CloudControl;
  line: WorkerLine;
}

/** Long enough for an answer to be taken in, short enough that nobody misses the worker's heartbeat. */
const takeInMs = 250;
/** How long a part stays away that all others have to do without. */
const awayMs = 1500;

/** What happens to everybody at once. */
export class Sufferings {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Does what the event says. Returns when the worker was killed, in milliseconds; 0 if it was not. `letGo` lets calls go on
   * whose answers a muted worker shall still hear; by default all that are held.
   */
  async suffer(
    event: Event,
    letGo = (): Promise<void> => this.#parts.control.forgetAll(),
  ): Promise<number> {
    const { environment, control, line } = this.#parts;
    const { worker, temporal, cloud } = environment;
    switch (event) {
      case 'kill the worker':
        return this.#kill();
      case 'kill the worker before it can tell':
        line.mute();
        await letGo();
        await sleep(takeInMs);
        return this.#kill();
      case 'start a second worker':
        await this.#worker(1).start();
        return 0;
      case 'replace the worker':
        // What is held goes on meanwhile, in the hands of the one that leaves.
        await Promise.all([worker.stop(), control.forgetAll()]);
        await this.#worker(2).start();
        return 0;
      case 'kill Temporal':
        await temporal.kill9();
        await sleep(awayMs);
        await temporal.start();
        return 0;
      case 'kill the cloud':
        await cloud.kill9();
        await sleep(awayMs);
        await cloud.start();
        return 0;
      default:
        return 0;
    }
  }

  /** One worker again, the first one. */
  async recover(): Promise<void> {
    const { worker } = this.#parts.environment;
    // An older build may not go on with what a newer one began: nothing of it is left when a round is over.
    await Promise.all([this.#worker(1).stop(), this.#worker(2).stop()]);
    if (worker.pid === undefined) await worker.start();
  }

  /** The first one works; the second is its like, and the third of a newer build. */
  #worker(at: 1 | 2) {
    const worker = this.#parts.environment.workers[at];
    if (!worker) throw new Error('the environment has too few workers');
    return worker;
  }

  async #kill(): Promise<number> {
    const { environment, line } = this.#parts;
    await environment.worker.kill9();
    const at = Date.now();
    line.restore();
    await environment.worker.start();
    return at;
  }
}
