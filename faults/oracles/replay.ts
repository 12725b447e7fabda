import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { loadWorkflowBundle } from '../../worker/workflow-bundle.js';
import type { Bench } from '../bench.js';
import type { Finding } from '../findings.js';
import type { Lane } from '../lanes.js';

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
  async lookInto({ hawser }: Bench, { name }: Lane, since: Date): Promise<Finding[]> {
    const { workflow } = hawser.temporal;
    const query = `HawserBackend = '${name}' AND (StartTime >= '${since.toISOString()}' OR ExecutionStatus = 'Running')`;
    const histories = workflow.list({ query }).intoHistories({ concurrency: 4 });
    const findings: Finding[] = [];
    for await (const { workflowId, error } of Worker.runReplayHistories(
      { workflowBundle: this.#workflowBundle },
      histories,
    )) {
      this.count += 1;
      if (error)
        findings.push({ outcome: 'lost', text: `${workflowId} does not replay: ${error}` });
    }
    return findings;
  }
}
