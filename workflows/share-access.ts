import { patched, setHandler } from '@temporalio/workflow';
import { allowAccessUpdate, changeAccessUpdate, denyAccessUpdate } from './messages.js';
import type { AccessRule } from './model.js';
import { failureOf, problemOf } from './problem.js';
import { failedAgain } from './retrying.js';
import type { ShareEntity } from './share-entity.js';
import { updateAccess } from './update-access.js';
import { canonicalSubject, sameSubject, validateAccess } from './validation.js';
import { isDenied, rulesToWrite, rulesWritten } from './written-rules.js';

/**
 * Answers the requests that let clients in to a share and send them away. Returns how the rules are written once more when a
 * denial may not be in force.
 */
export function handleAccess(entity: ShareEntity): () => Promise<void> {
  handleAllow(entity);
  handleChange(entity);
  handleDeny(entity);
  // How it fails stays with the share.
  return async () => writeRules(entity, 'Write the rules once more').catch(() => undefined);
}

const requireAvailable = (entity: ShareEntity) => entity.requireInService('access rules');

function handleAllow(entity: ShareEntity): void {
  const { view, publish, refuse, inTurn } = entity;

  setHandler(
    allowAccessUpdate,
    async ({ id, type = 'ip', to, level }) => {
      const subject = canonicalSubject(type, to);
      const known = view.accessRules.find((rule) => rule.id === id);
      const rule: AccessRule = known ?? { id, type, to: subject, level, state: 'queued_to_apply' };
      if (!known) view.accessRules.push(rule);
      publish();
      return inTurn(async () => {
        requireAvailable(entity);
        const listed = view.accessRules.includes(rule);
        if (listed && rule.state === 'active') return { ...rule };
        // A deny that was ahead in the queue took it away.
        if (!listed) view.accessRules.push(rule);
        rule.state = 'applying';
        delete rule.denialFailed;
        await writeRules(entity, `Allow ${level} to ${subject}`, rule);
        return { ...rule };
      });
    },
    {
      validator: ({ id, type = 'ip', to, level }) => {
        requireAvailable(entity);
        const invalid = validateAccess(view, { type, to, level });
        if (invalid) refuse('InvalidInput', invalid);
        const wanted = { type, to: canonicalSubject(type, to) };
        const twin = view.accessRules.find((rule) => sameSubject(rule, wanted));
        if (twin && (twin.id !== id || twin.level !== level)) {
          refuse(
            'RuleExists',
            `rule ${twin.id} gives ${twin.level} to ${twin.to} already; change its level, or deny it first`,
          );
        }
        const reused = view.accessRules.find((rule) => rule.id === id);
        if (reused && !sameSubject(reused, wanted)) {
          refuse('RuleExists', `rule ${id} exists for ${reused.to}; choose another id`);
        }
      },
    },
  );
}

function handleChange(entity: ShareEntity): void {
  const { view, refuse, inTurn } = entity;

  const requireThere = (rule: AccessRule) => {
    const there = view.accessRules.includes(rule) && !isDenied(rule);
    if (!there) refuse('RuleNotFound', `rule ${rule.id} was denied; allow ${rule.to} again`);
  };

  setHandler(
    changeAccessUpdate,
    async ({ rule: text, level }) => {
      const rule = ruleNamed(entity, text);
      return inTurn(async () => {
        requireAvailable(entity);
        requireThere(rule);
        if (rule.state === 'active' && rule.level === level) return { ...rule };
        const former = rule.level;
        Object.assign(rule, { level, state: 'applying' });
        await writeRules(entity, `Change ${rule.to} from ${former} to ${level}`, rule);
        return { ...rule };
      });
    },
    {
      validator: ({ rule: text, level }) => {
        requireAvailable(entity);
        const rule = ruleNamed(entity, text);
        requireThere(rule);
        const invalid = validateAccess(view, { ...rule, level });
        if (invalid) refuse('InvalidInput', invalid);
      },
    },
  );
}

/** Who sends a request again does so at once, or not at all. */
const deniedKept = 20;

function handleDeny(entity: ShareEntity): void {
  const { state, view, inTurn } = entity;

  const answered = (request?: string): AccessRule | undefined =>
    state.denied?.find((one) => one.request === request)?.rule;

  const remember = (request: string | undefined, rule: AccessRule): AccessRule => {
    if (request !== undefined) {
      state.denied = [...(state.denied ?? []), { request, rule }].slice(-deniedKept);
    }
    return rule;
  };

  setHandler(
    denyAccessUpdate,
    async ({ rule: text, request }) => {
      const done = answered(request);
      if (done) return done;
      const rule = ruleNamed(entity, text);
      return inTurn(async () => {
        requireAvailable(entity);
        // Another request may have taken it away while this one waited.
        if (!view.accessRules.includes(rule)) return remember(request, { ...rule });
        rule.state = 'denying';
        await writeRules(entity, `Deny ${rule.to}`, rule);
        return remember(request, { ...rule });
      });
    },
    {
      validator: ({ rule, request }) => {
        if (answered(request)) return;
        requireAvailable(entity);
        ruleNamed(entity, rule);
      },
    },
  );
}

/** Writes the whole list of rules to the service instance; `changed` is the rule it is done for, if it is for one. */
async function writeRules(
  entity: ShareEntity,
  summary: string,
  changed?: AccessRule,
): Promise<void> {
  const { view, request, publish, run } = entity;
  const { rules, denied } = rulesToWrite(view);
  const { accessBy } = view;
  try {
    const { instance, location } = entity.place();
    await run(updateAccess, { share: request, instance, location, accessBy, rules }, summary);
  } catch (error) {
    const problem = problemOf(error);
    // It may be in force all the same, its answer lost: what was asked for stays, and the next write settles it.
    if (changed) {
      if (changed.state === 'denying') changed.denialFailed = true;
      changed.state = 'error';
    }
    // Who was denied may still be in. Who was not let in asks again himself.
    if (denied.length === 0) delete view.retry;
    else if (patched('denials-retried')) {
      view.retry = failedAgain(view.retry, updateAccess.name, problem);
    }
    publish();
    throw failureOf(problem);
  }
  rulesWritten(view, { rules, denied });
  publish();
}

/** By its id, or by whom it names; refuses when there is none. */
function ruleNamed({ view, refuse }: ShareEntity, text: string): AccessRule {
  const named = (rule: AccessRule) =>
    rule.id === text || sameSubject(rule, { type: rule.type, to: canonicalOrAsIs(rule, text) });
  return (
    view.accessRules.find((rule) => rule.id === text) ??
    view.accessRules.find(named) ??
    refuse(
      'RuleNotFound',
      `no access rule is ${text}; list them with: hawser access list ${view.id}`,
    )
  );
}

function canonicalOrAsIs({ type }: AccessRule, text: string): string {
  try {
    return canonicalSubject(type, text);
  } catch {
    return text;
  }
}
