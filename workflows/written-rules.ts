import type { AccessRule, ShareView } from './model.js';

/** A share's rules as the next write finds them. */
export interface RulesToWrite {
  /** The whole list that is written. */
  rules: AccessRule[];
  /** Left out: those that are denied now, and those whose denial failed before. */
  denied: AccessRule[];
}

export const rulesToWrite = ({ accessRules }: ShareView): RulesToWrite => ({
  rules: accessRules.filter((rule) => !isDenied(rule)),
  denied: accessRules.filter(isDenied),
});

export const isDenied = ({ state, denialFailed }: AccessRule): boolean =>
  state === 'denying' || denialFailed === true;

/** What was written is in force now, and what was left out is gone: the share itself waits for no other try. */
export function rulesWritten(view: ShareView, { rules, denied }: RulesToWrite): void {
  for (const rule of rules) rule.state = 'active';
  // Filtered anew: rules may have come while the old list was being written.
  view.accessRules = view.accessRules.filter((rule) => !denied.includes(rule));
  delete view.retry;
}
