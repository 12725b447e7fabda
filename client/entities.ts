import {
  WorkflowNotFoundError,
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
} from '@temporalio/client';
import type { HawserError } from './errors.js';
import { StepFinder, unattended, watch, type Progress, type WatchOptions } from './progress.js';
import { translateServiceError } from './service-errors.js';
import { updateFailure, whileServed } from './updates.js';

type Memo = Record<string, unknown> | undefined;

/** What tells shares from service instances. */
export interface EntityKind<View> {
  workflowType: string;
  workflowId: (id: string) => string;
  viewIn: (memo: Memo) => View | undefined;
  /** False while something happens to it that its status announces. */
  atRest: (view: View) => boolean;
  notFound: (id: string) => HawserError;
}

interface AnyView {
  backend: string;
  operation: { workflowId: string } | null;
  createdAt: string;
}

/** Finds, lists, asks and watches the long-lived workflows of one kind. */
export class Entities<View extends AnyView> {
  readonly #client: Client;
  readonly #address: string;
  readonly #kind: EntityKind<View>;

  constructor(client: Client, address: string, kind: EntityKind<View>) {
    this.#client = client;
    this.#address = address;
    this.#kind = kind;
  }

  async get(id: string): Promise<View> {
    const view = await this.find(id);
    if (!view) throw this.#kind.notFound(id);
    return view;
  }

  async find(id: string): Promise<View | undefined> {
    const description = await this.#describe(id);
    if (!description || !isOpen(description)) return undefined;
    return this.#kind.viewIn(description.memo);
  }

  /** Oldest first. */
  async list(clauses: string[]): Promise<View[]> {
    const query = [
      `WorkflowType = '${this.#kind.workflowType}'`,
      `ExecutionStatus = 'Running'`,
      ...clauses,
    ].join(' AND ');
    const views: View[] = [];
    await this.call(async () => {
      for await (const { memo } of this.#client.workflow.list({ query })) {
        const view = this.#kind.viewIn(memo);
        if (view) views.push(view);
      }
    });
    return views.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  /** Sends an update to an entity that is there; its refusal or failure comes as an error of ours. */
  async ask<T>(id: string, send: (entity: WorkflowHandle) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      const { backend } = await this.get(id);
      const entity = this.#client.workflow.getHandle(this.#kind.workflowId(id));
      try {
        return await this.call(() => whileServed(this.#client, backend, () => send(entity)));
      } catch (error) {
        // Either it ended just now, which `get` tells, or it continued as new while we asked.
        if (!(error instanceof WorkflowNotFoundError) || attempt === 5) throw error;
      }
    }
  }

  /** Looks at it until nothing more happens to it by itself. */
  watch(id: string, options?: WatchOptions): AsyncGenerator<Progress<View>, void> {
    const steps = new StepFinder(this.#client);
    const endings = new Endings(this.#client);
    let known: View | undefined;
    return watch(async () => {
      const description = await this.#describe(id);
      const open = description !== undefined && isOpen(description);
      const view = this.#kind.viewIn(description?.memo) ?? known;
      if (!description || !view || (!open && !known)) throw this.#kind.notFound(id);
      known = view;
      return {
        view,
        steps:
          open && options?.steps !== false ? await this.call(() => steps.stepsOf(description)) : [],
        interruption: unattended(description),
        ended: open ? undefined : description.status.name,
        settled: !open || (view.operation === null && this.#kind.atRest(view)),
        over: open && view.operation ? endings.of(view.operation.workflowId) : undefined,
      };
    }, options);
  }

  /** Runs calls to Temporal and gives their errors our names. */
  async call<T>(calls: () => Promise<T>): Promise<T> {
    try {
      return await calls();
    } catch (error) {
      const failure = updateFailure(error);
      if (failure) throw failure;
      const { namespace } = this.#client.options;
      const translated = translateServiceError(error, { address: this.#address, namespace });
      throw translated;
    }
  }

  async #describe(id: string): Promise<WorkflowExecutionDescription | undefined> {
    return this.call(async () => {
      try {
        return await this.#client.workflow.getHandle(this.#kind.workflowId(id)).describe();
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      }
    });
  }
}

/** Tells when operations are over, by one long look at each. */
class Endings {
  readonly #client: Client;
  readonly #endings = new Map<string, Promise<void>>();

  constructor(client: Client) {
    this.#client = client;
  }

  of(workflowId: string): Promise<void> {
    const known = this.#endings.get(workflowId);
    if (known) return known;
    // However it ended, and also if it cannot be asked: the next look at its share or instance tells.
    const ending = this.#client.workflow
      .getHandle(workflowId)
      .result()
      .then(
        () => undefined,
        () => undefined,
      );
    this.#endings.set(workflowId, ending);
    return ending;
  }
}

const isOpen = ({ status }: WorkflowExecutionDescription): boolean => status.name === 'RUNNING';
