import { setHandler } from '@temporalio/workflow';
import { allowAccessUpdate, denyAccessUpdate } from './messages.js';
import type { AccessRule } from './model.js';
import { failureOf, problemOf } from './problem.js';
import type { ShareEntity } from './share-entity.js';
import { rulesToWrite, rulesWritten } from './written-rules.js';
import { updateAccess } from './update-access.js';
import { canonicalAddress, validateAccess } from './validation.js';

/** Answers the requests that let clients in to a share and send them away. */
export function handleAccess(entity: ShareEntity): void {
  const { view, request, publish, refuse, inTurn, run } = entity;
  const requireAvailable = () => entity.requireInService('access rules');

  /**
   * Writes the whole list of rules to the service instance, without those that are being denied; `changed` is
   * the rule it is done for.
   */
  const syncAccess = async (changed: AccessRule, summary: string) => {
    const { instance, location } = entity.place();
    const { rules, denied } = rulesToWrite(view);
    try {
      await run(updateAccess, { share: request, instance, location, rules }, summary);
    } catch (error) {
      if (changed.state !== 'denying') changed.state = 'error';
      publish();
      throw failureOf(problemOf(error));
    }
    rulesWritten(view, { rules, denied });
    publish();
  };

  const findRule = (text: string): AccessRule | undefined =>
    view.accessRules.find((rule) => rule.id === text || rule.to === canonicalOrUndefined(text));

  setHandler(
    allowAccessUpdate,
    async ({ id, to, level }) => {
      const address = canonicalAddress(to);
      const known = view.accessRules.find((rule) => rule.id === id);
      const rule: AccessRule = known ?? { id, to: address, level, state: 'queued_to_apply' };
      if (!known) view.accessRules.push(rule);
      publish();
      return inTurn(async () => {
        requireAvailable();
        const listed = view.accessRules.includes(rule);
        if (listed && rule.state === 'active') return { ...rule };
        // A deny that was ahead in the queue took it away.
        if (!listed) view.accessRules.push(rule);
        rule.state = 'applying';
        await syncAccess(rule, `Allow ${level} from ${address}`);
        return { ...rule };
      });
    },
    {
      validator: ({ id, to, level }) => {
        requireAvailable();
        const invalid = validateAccess(view.protocol, to, level);
        if (invalid) refuse('InvalidInput', invalid);
        const address = canonicalAddress(to);
        const twin = view.accessRules.find((rule) => rule.to === address);
        if (twin && (twin.id !== id || twin.level !== level)) {
          refuse(
            'RuleExists',
            `rule ${twin.id} gives ${twin.level} to ${address} already; deny it first`,
          );
        }
        const reused = view.accessRules.find((rule) => rule.id === id);
        if (reused && reused.to !== address) {
          refuse('RuleExists', `rule ${id} exists for ${reused.to}; choose another id`);
        }
      },
    },
  );

  setHandler(
    denyAccessUpdate,
    async ({ rule: text }) => {
      const rule = findRule(text) ?? refuse('RuleNotFound', `no access rule is ${text}`);
      return inTurn(async () => {
        requireAvailable();
        // Another request may have taken it away while this one waited.
        if (!view.accessRules.includes(rule)) return { ...rule };
        rule.state = 'denying';
        await syncAccess(rule, `Deny ${rule.to}`);
        return { ...rule };
      });
    },
    {
      validator: ({ rule }) => {
        requireAvailable();
        if (!findRule(rule)) {
          refuse(
            'RuleNotFound',
            `no access rule is ${rule}; list them with: hawser access list ${view.id}`,
          );
        }
      },
    },
  );
}

function canonicalOrUndefined(text: string): string | undefined {
  try {
    return canonicalAddress(text);
  } catch {
    return undefined;
  }
}
