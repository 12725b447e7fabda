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

/** Does to everybody what an event says. Returns when the worker was killed, in milliseconds; 0 if it was not. */
export async function suffer(event: Event, { environment, control, line }: Parts): Promise<number> {
  const { worker, temporal, cloud } = environment;
  const kill = async () => {
    await worker.kill9();
    const at = Date.now();
    line.restore();
    await worker.start();
    return at;
  };
  switch (event) {
    case 'kill the worker':
      return kill();
    case 'kill the worker before it can tell':
      line.mute();
      await control.forgetAll();
      await sleep(takeInMs);
      return kill();
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
