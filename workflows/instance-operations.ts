import { patched, setHandler } from '@temporalio/workflow';
import { ensureServiceInstance } from './ensure-service-instance.js';
import { ensureInstanceUpdate, rebootInstanceUpdate } from './messages.js';
import type { InstanceHealth, Problem, ServiceInstance, ServiceInstanceView } from './model.js';
import { failureOf, problemOf } from './problem.js';
import { rebootServiceInstance } from './reboot-service-instance.js';

/** What the operations on a running instance work with. */
export interface InstanceEntity {
  view: ServiceInstanceView;
  instance: () => ServiceInstance | null;
  /** Takes note of what was found. */
  foundAlive: (alive: boolean) => void;
  /** Whether it is on its way out. */
  closing: () => boolean;
  publish: () => void;
  run: <I, O>(operation: (input: I) => Promise<O>, input: I, summary: string) => Promise<O>;
  inTurn: <T>(operation: () => Promise<T>) => Promise<T>;
}

/** Runs one operation after the other, in the order of arrival. */
export function oneAtATime(): InstanceEntity['inTurn'] {
  let last: Promise<unknown> = Promise.resolve();
  return async (operation) => {
    const mine = last.then(operation);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** Answers the requests to look at a running instance and to reboot it; returns the way to look at it. */
export function handleOperations(entity: InstanceEntity): { look: () => Promise<InstanceHealth> } {
  const { view, publish, run, inTurn } = entity;
  let rebootWanted = false;

  const requireRunning = (): ServiceInstance => {
    const instance = entity.instance();
    if (!instance || view.status === 'deleting' || view.status === 'deleted') {
      throw failureOf({
        type: 'InstanceNotActive',
        message: `Service instance ${view.id} is ${view.status}; that can be done when it is active.`,
      });
    }
    if (entity.closing()) {
      throw failureOf({
        type: 'InstanceBusy',
        message: `Service instance ${view.id} is about to be deleted.`,
      });
    }
    return instance;
  };

  const look = async (): Promise<InstanceHealth> =>
    inTurn(async () => {
      const input = { instance: requireRunning() };
      const health = await run(ensureServiceInstance, input, `Ensure ${view.id}`).catch(
        (failure: unknown) => {
          // It ended from outside: nothing is under way any more.
          if (patched('told-of-failed-looks')) publish();
          throw failureOf(problemOf(failure));
        },
      );
      if (view.status === 'active') view.error = problemIn(health);
      entity.foundAlive(health.alive);
      publish();
      return health;
    });
  setHandler(ensureInstanceUpdate, look, { validator: () => void requireRunning() });

  setHandler(
    rebootInstanceUpdate,
    async ({ type }) => {
      rebootWanted = true;
      return inTurn(async () => {
        const instance = requireRunning();
        const { status } = view;
        const input = { instance, type, shares: [...view.shares] };
        view.status = 'rebooting';
        try {
          const summary = `${type === 'HARD' ? 'Hard' : 'Soft'} reboot of ${view.id}`;
          const report = await run(rebootServiceInstance, input, summary);
          if (status === 'active') {
            view.error = problemIn(report);
          }
          entity.foundAlive(true);
          return report;
        } catch (error) {
          view.error = problemOf(error);
          throw failureOf(view.error);
        } finally {
          view.status = status;
          publish();
        }
      }).finally(() => {
        rebootWanted = false;
      });
    },
    {
      validator: ({ type }) => {
        requireRunning();
        if (type !== 'SOFT' && type !== 'HARD') {
          throw failureOf({ type: 'InvalidInput', message: 'a reboot is SOFT or HARD' });
        }
        if (rebootWanted) {
          throw failureOf({
            type: 'InstanceBusy',
            message: `Service instance ${view.id} is being rebooted already.`,
          });
        }
      },
    },
  );
  return { look };
}

/** What it lacks; it stays active, for shares may be in service all the same. */
function problemIn({ checks }: Pick<InstanceHealth, 'checks'>): Problem | null {
  const missing = checks.filter(({ ok }) => !ok);
  if (missing.length === 0) return null;
  const message = missing.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
  return { type: 'InstanceUnhealthy', message };
}
