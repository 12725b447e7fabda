import { setTimeout as sleep } from 'node:timers/promises';
import type { HistoryAndWorkflowId } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { loadWorkflowBundle } from '../../worker/workflow-bundle.js';
import type { Bench } from '../bench.js';
import type { Finding } from '../findings.js';
import type { Lane } from '../lanes.js';

const limitMs = 120_000;

/** Replays what workflows did with the code of today: each decides as it did, whatever came between. */
export class Replayer {
  readonly #workflowBundle: { code: string };
  /** How many histories were replayed. */
  count = 0;

  private constructor(workflowBundle: { code: string }) {
    this.#workflowBundle = workflowBundle;
  }

  static async open(): Promise<Replayer> {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const bundle = await loadWorkflowBundle();
    if (!('code' in bundle)) throw new Error('the bundle of the workflows has no code');
    return new Replayer(bundle);
  }

  /** All histories of a lane that began since then, and of what runs still. */
  async lookInto(bench: Bench, lane: Lane, since: Date): Promise<Finding[]> {
    const late: Finding = {
      outcome: 'stuck',
      text: `histories do not replay within ${limitMs / 1000} s`,
    };
    return Promise.race([this.#replay(bench, lane, since), sleep(limitMs, [late], { ref: false })]);
  }

  async #replay({ hawser }: Bench, { name }: Lane, since: Date): Promise<Finding[]> {
    const { workflow } = hawser.temporal;
    const query = `HawserBackend = '${name}' AND (StartTime >= '${since.toISOString()}' OR ExecutionStatus = 'Running')`;
    const histories = workflow.list({ query }).intoHistories({ concurrency: 4 });
    const findings: Finding[] = [];
    for await (const { workflowId, error } of Worker.runReplayHistories(
      { workflowBundle: this.#workflowBundle },
      begun(histories),
    )) {
      this.count += 1;
      if (error)
        findings.push({ outcome: 'lost', text: `${workflowId} does not replay: ${error}` });
    }
    return findings;
  }
}

/** Without those that have done nothing yet: the replaying worker would wait for their first task for ever. */
async function* begun(
  histories: AsyncIterable<HistoryAndWorkflowId>,
): AsyncGenerator<HistoryAndWorkflowId> {
  for await (const one of histories) {
    const { events } = one.history as temporal.api.history.v1.IHistory;
    if (events?.some((event) => event.workflowTaskCompletedEventAttributes)) yield one;
  }
}
